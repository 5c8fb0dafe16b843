// The GPU's launches: kernels round the host-device functions of selection.h and ../bootstrap.h.
#include "../bootstrap.h"
#include "launch.h"
#include "selection.h"

namespace warpmix::ensemble {
namespace {

unsigned sample_blocks(int64_t samples) {
  return static_cast<unsigned>(ceil_div<int64_t>(samples, kThreads));
}

// Left to itself, ptxas (13.0) gives planes_kernel 32 registers on sm_100 and spills.
constexpr int kPlanesBlocksPerSm = 8;

template <typename Score>
__global__ void __launch_bounds__(kThreads, kPlanesBlocksPerSm)
    planes_kernel(const __grid_constant__ PlanesParams params) {
  planes_body<Score>(params, blockIdx.x, static_cast<int32_t>(blockIdx.y), threadIdx.x);
}

template <typename Score>
__global__ void __launch_bounds__(kThreads)
    planes_tile_kernel(const __grid_constant__ PlanesParams params) {
  __shared__ PlanesShared shared;
  const int32_t model = static_cast<int32_t>(blockIdx.y);
  const int32_t thread = static_cast<int32_t>(threadIdx.x);
  place_planes<Score>(params, blockIdx.x, model, thread, shared);
  __syncwarp();
  write_planes(params, blockIdx.x, model, thread, shared);
}

__global__ void __launch_bounds__(kThreads)
    greedy_kernel(const __grid_constant__ GreedyParams params) {
  greedy_body(params, blockIdx.x, static_cast<int32_t>(blockIdx.y), threadIdx.x);
}

__global__ void __launch_bounds__(kThreads)
    bootstrap_kernel(const __grid_constant__ BootstrapParams params) {
  const int64_t thread = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  bootstrap_body(params, thread, static_cast<int32_t>(blockIdx.y),
                 static_cast<int32_t>(blockIdx.z) * kRulesAThread);
}

}  // namespace

void launch_planes(const PlanesParams& params, cudaStream_t stream) {
  const dim3 grid(sample_blocks(params.samples), static_cast<unsigned>(params.models));
  with_score_type(params.type, [&](auto score) {
    using Score = decltype(score);
    const bool tiles = params.classes <= kRegisterClasses;
    const auto kernel = tiles ? planes_tile_kernel<Score> : planes_kernel<Score>;
    kernel<<<grid, kThreads, 0, stream>>>(params);
  });
}

void launch_greedy(const GreedyParams& params, cudaStream_t stream) {
  const dim3 grid(sample_blocks(params.samples), static_cast<unsigned>(params.models));
  greedy_kernel<<<grid, kThreads, 0, stream>>>(params);
}

void launch_bootstrap(const BootstrapParams& params, cudaStream_t stream) {
  const dim3 grid(sample_blocks(bootstrap_threads(params)),
                  static_cast<unsigned>(params.replicates),
                  static_cast<unsigned>(ceil_div(params.rules, kRulesAThread)));
  bootstrap_kernel<<<grid, kThreads, 0, stream>>>(params);
}

}  // namespace warpmix::ensemble
