// The launch of this folder, for csrc/cuda. Returns without waiting.
#pragma once

#include <cuda_runtime_api.h>

#include "params.h"

namespace warpmix::vote {

void launch_vote(const VoteParams& params, cudaStream_t stream);

}  // namespace warpmix::vote
