// The GPU's launches: kernels round the host-device functions of this folder, and of ../draw.h.
#include "../dispatch.h"
#include "entering_means.h"
#include "general_kernel.h"
#include "launch.h"
#include "whole_pixel_kernel.h"

namespace warpmix::augment {
namespace {

// 4 · 128 threads leave 128 registers a thread. Without the bound ptxas (13.0) aims at 56 to 80 and
// spills.
constexpr int kBlocksPerSm = 4;

// Colour stages end at `color_end`.
template <bool kSimple>
__device__ Tile prepare_block(const AugmentParams& params, int32_t color_end, Shared& shared) {
  const Tile tile = block_tile(params, blockIdx.x);
#pragma unroll 1  // one copy of the code, so that its registers are not the pixels' concern
  for (int phase = 0; phase < kParameterPhases; ++phase) {
    parameter_phase<kSimple>(params, phase, tile, threadIdx.x, color_end, shared);
    __syncthreads();
  }
  return tile;
}

template <typename Source, typename Out, int kChannels>
__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    simple_kernel(const __grid_constant__ AugmentParams params) {
  __shared__ Shared shared;
  const Tile tile = prepare_block<true>(params, params.program.color_end, shared);
  write_block_targets(params, tile, threadIdx.x, shared);
  make_tile<Source, Out, kChannels>(params, tile, threadIdx.x, shared);
}

template <typename Source, int kChannels>
__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    general_kernel(const __grid_constant__ AugmentParams params) {
  __shared__ Shared shared;
  const Tile tile = prepare_block<false>(params, params.program.color_end, shared);
  write_block_targets(params, tile, threadIdx.x, shared);
  make_general_tile<Source, kChannels>(params, tile, threadIdx.x, shared);
}

template <typename Source, int kChannels>
__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    entering_kernel(const __grid_constant__ AugmentParams params, int32_t stage) {
  __shared__ Shared shared;
  const Tile tile = prepare_block<false>(params, stage, shared);
  add_entering_tile<Source, kChannels>(params, tile, threadIdx.x, shared, stage);
}

struct Launch {
  const AugmentParams& params;
  unsigned blocks;
  cudaStream_t stream;

  template <typename Source, typename Out, int kChannels>
  void run() const {
    simple_kernel<Source, Out, kChannels><<<blocks, kThreads, 0, stream>>>(params);
  }

  template <typename Source, int kChannels>
  void run_general() const {
    for_each_entering(params.program, [&](int32_t stage) {
      entering_kernel<Source, kChannels><<<blocks, kThreads, 0, stream>>>(params, stage);
    });
    general_kernel<Source, kChannels><<<blocks, kThreads, 0, stream>>>(params);
  }
};

__global__ void draw_kernel(const __grid_constant__ AugmentParams params, int32_t* draws) {
  const int64_t slot = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  draw_slot(params, slot, draws);
}

}  // namespace

void launch_augment(const AugmentParams& params, bool source_is_float, cudaStream_t stream) {
  const unsigned blocks = static_cast<unsigned>(augment_blocks(params));
  dispatch(source_is_float, params, Launch{params, blocks, stream});
}

void launch_draw(const AugmentParams& params, int32_t* draws, cudaStream_t stream) {
  const int64_t slots = draw_slots(params);
  draw_kernel<<<static_cast<unsigned>(ceil_div<int64_t>(slots, kThreads)), kThreads, 0, stream>>>(
      params, draws);
}

}  // namespace warpmix::augment
