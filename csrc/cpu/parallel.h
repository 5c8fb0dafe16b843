// torch's threads, for the loops of kernels/*/cpu.
#pragma once

#include <torch/csrc/stable/ops.h>

#include "parallel_for.h"

namespace warpmix::cpu {

inline void parallel_for(int64_t begin, int64_t end, int64_t grain,
                         const std::function<void(int64_t, int64_t)>& body) {
  torch::stable::parallel_for(begin, end, grain, body);
}

}  // namespace warpmix::cpu
