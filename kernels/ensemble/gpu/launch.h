// The launches of this folder, for csrc/cuda. Each returns without waiting.
#pragma once

#include <cuda_runtime_api.h>

#include "../params.h"

namespace warpmix::ensemble {

void launch_vote(const VoteParams& params, cudaStream_t stream);
void launch_planes(const PlanesParams& params, cudaStream_t stream);
void launch_greedy(const GreedyParams& params, cudaStream_t stream);
void launch_bootstrap(const BootstrapParams& params, cudaStream_t stream);

}  // namespace warpmix::ensemble
