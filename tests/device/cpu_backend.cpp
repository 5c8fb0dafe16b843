// The CPU operators, whose parallel_for starts threads (stand_in/torch/csrc/stable/ops.h).
#include <torch/csrc/stable/ops.h>

#include <cstdio>

#include "backend.h"

namespace {

void vary(int variant) { stand_in::storage_offset = variant; }

bool report(bool) {
  std::printf("%lld calls shared between threads\n",
              static_cast<long long>(stand_in::parallel_calls));
  return stand_in::parallel_calls > 0;
}

}  // namespace

const device::Backend* device_backend() {
  static const device::Backend backend = {vary, [](uint32_t) {}, report};
  return &backend;
}
