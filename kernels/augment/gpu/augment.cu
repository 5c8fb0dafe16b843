// The GPU's launches: kernels round the host-device functions of this folder, and of ../draw.h.
#include "../dispatch.h"
#include "cubic_sampler.h"
#include "entering_means.h"
#include "general_kernel.h"
#include "launch.h"
#include "resampling.h"
#include "whole_image_kernel.h"
#include "whole_pixel_kernel.h"

namespace warpmix::augment {
namespace {

// 6 · 128 threads leave 80 registers a thread, 4 · 128 leave 128, 3 · 128 leave 168: the most
// blocks with which ptxas (13.0) spills nothing for any architecture. Left to itself it spills.
constexpr int kSimpleBlocksPerSm = 6;

// Planes take an address a channel and tap.
template <int kChannels, bool kInterleaved>
constexpr int kGeneralBlocksPerSm = kChannels == 3 && !kInterleaved ? 3 : 4;

// They hold the taps of two filters beside a map's, or sixteen taps of a pixel.
constexpr int kResamplingBlocksPerSm = 3;
constexpr int kCubicBlocksPerSm = 3;

// Colour stages end at `color_end`.
template <bool kSimple>
__device__ Tile prepare_block(const AugmentParams& params, const BlockPlan& plan, int32_t color_end,
                              BlockShared<kSimple>& block) {
  const Tile tile = block_tile(params, plan, blockIdx.x);
#pragma unroll 1  // one copy of the code, so that its registers are not the pixels' concern
  for (int phase = 0; phase < kParameterPhases; ++phase) {
    parameter_phase(params, plan, phase, tile, threadIdx.x, color_end, block);
    __syncthreads();
  }
  return tile;
}

template <typename Source, typename Out, int kChannels>
__global__ void __launch_bounds__(kThreads, kSimpleBlocksPerSm)
    simple_kernel(const __grid_constant__ AugmentParams params,
                  const __grid_constant__ BlockPlan plan) {
  __shared__ BlockShared<true> block;
  const Tile tile = prepare_block(params, plan, params.program.color_end, block);
  write_block_targets(params, plan, tile, threadIdx.x, block);
  make_images<Source, Out, kChannels>(params, plan, tile, threadIdx.x, block);
}

template <typename Source, int kChannels, bool kInterleaved>
__global__ void __launch_bounds__(kThreads, kGeneralBlocksPerSm<kChannels, kInterleaved>)
    general_kernel(const __grid_constant__ AugmentParams params,
                   const __grid_constant__ BlockPlan plan) {
  __shared__ BlockShared<false> block;
  const Tile tile = prepare_block(params, plan, params.program.color_end, block);
  write_block_targets(params, plan, tile, threadIdx.x, block);
  for_each_image(params, plan, tile, block, [&](Tile image, const Shared& shared) {
    make_general_tile<Sampler, Source, kChannels, kInterleaved>(params, image, threadIdx.x, shared);
  });
}

template <typename Source, int kChannels, bool kInterleaved>
__global__ void __launch_bounds__(kThreads, kGeneralBlocksPerSm<kChannels, kInterleaved>)
    entering_kernel(const __grid_constant__ AugmentParams params,
                    const __grid_constant__ BlockPlan plan, int32_t stage) {
  __shared__ BlockShared<false> block;
  const Tile tile = prepare_block(params, plan, stage, block);
  for_each_image(params, plan, tile, block, [&](Tile image, const Shared& shared) {
    add_entering_tile<Sampler, Source, kChannels, kInterleaved>(params, image, threadIdx.x, shared,
                                                                stage);
  });
}

// Both of the above in one, for programs that are rarer. The batch where `stage` is kBatch.
constexpr int32_t kBatch = -1;

// For those whose map is bicubic.
template <typename Source, int kChannels, bool kInterleaved>
__global__ void __launch_bounds__(kThreads, kCubicBlocksPerSm)
    cubic_kernel(const __grid_constant__ AugmentParams params,
                 const __grid_constant__ BlockPlan plan, int32_t stage) {
  __shared__ BlockShared<false> block;
  const int32_t color_end = stage == kBatch ? params.program.color_end : stage;
  const Tile tile = prepare_block(params, plan, color_end, block);
  if (stage == kBatch) {
    write_block_targets(params, plan, tile, threadIdx.x, block);
  }
  for_each_image(params, plan, tile, block, [&](Tile image, const Shared& shared) {
    if (stage == kBatch) {
      make_general_tile<CubicSampler, Source, kChannels, kInterleaved>(params, image, threadIdx.x,
                                                                       shared);
    } else {
      add_entering_tile<CubicSampler, Source, kChannels, kInterleaved>(params, image, threadIdx.x,
                                                                       shared, stage);
    }
  });
}

// For those that resample.
template <typename Source, int kChannels, bool kInterleaved>
__global__ void __launch_bounds__(kThreads, kResamplingBlocksPerSm)
    resampling_kernel(const __grid_constant__ AugmentParams params,
                      const __grid_constant__ BlockPlan plan, int32_t stage) {
  __shared__ ResampledBlock resampled;
  const int32_t color_end = stage == kBatch ? params.program.color_end : stage;
  const Tile tile = prepare_block(params, plan, color_end, resampled.block);
  tabulate_taps(params, plan, tile, threadIdx.x, resampled);
  __syncthreads();
  if (stage == kBatch) {
    write_block_targets(params, plan, tile, threadIdx.x, resampled.block);
  }
  for_each_image(params, plan, tile, resampled, [&](Tile image, const ResampledShared& shared) {
    if (stage == kBatch) {
      make_general_tile<ResamplingSampler, Source, kChannels, kInterleaved>(params, image,
                                                                            threadIdx.x, shared);
    } else {
      add_entering_tile<ResamplingSampler, Source, kChannels, kInterleaved>(
          params, image, threadIdx.x, shared, stage);
    }
  });
}

// Without, ptxas (13.0) gives 32 registers on sm_100 and spills.
constexpr int kStatisticsBlocksPerSm = 2;

// A block an image.
template <typename Source>
__global__ void __launch_bounds__(kStatisticsThreads, kStatisticsBlocksPerSm)
    statistics_kernel(const __grid_constant__ AugmentParams params) {
  __shared__ StatisticsShared shared;
  const int32_t position = static_cast<int32_t>(blockIdx.x);
  begin_statistics(params, position, threadIdx.x, shared);
  __syncthreads();
  if (!needs_statistics(shared.operation)) {
    return;
  }
  gather_statistics<Source>(params, threadIdx.x, shared);
  __syncthreads();
  finish_statistics(params, position, threadIdx.x, shared);
}

// The operation of a block's sample, and its window along an axis where it has passes.
template <int kAxis>
__device__ Tile prepare_window(const AugmentParams& params, const BlockPlan& plan,
                               WholeImageShared& shared) {
  const Tile tile = block_tile(params, plan, blockIdx.x);
  prepare_whole_image<kAxis == 1>(params, tile, threadIdx.x, shared);
  __syncthreads();
  if (has_passes(shared.operation)) {
    begin_window(kAxis, threadIdx.x, shared);
    __syncthreads();
    finish_window(kAxis, threadIdx.x, shared);
    __syncthreads();
  }
  return tile;
}

// Blocks of a multiprocessor: nvcc 13.0, left alone, stops at 56 or 64 registers, and spills.
constexpr int kOperationBlocks = 3;
constexpr int kCubicOperationBlocks = 4;

template <typename Source, int kChannels>
__global__ void __launch_bounds__(kThreads, kOperationBlocks)
    pass_kernel(const __grid_constant__ AugmentParams params,
                const __grid_constant__ BlockPlan plan) {
  __shared__ WholeImageShared shared;
  const Tile tile = prepare_window<0>(params, plan, shared);
  if (has_passes(shared.operation)) {
    pass_tile<Source, kChannels>(params, tile, threadIdx.x, shared);
  }
}

template <typename Source, int kChannels, bool kCubic>
__global__ void __launch_bounds__(kThreads, kCubic ? kCubicOperationBlocks : kOperationBlocks)
    whole_image_kernel(const __grid_constant__ AugmentParams params,
                       const __grid_constant__ BlockPlan plan) {
  __shared__ WholeImageShared shared;
  const Tile tile = prepare_window<1>(params, plan, shared);
  make_whole_image_tile<Source, kChannels, kCubic>(params, tile, threadIdx.x, shared);
}

struct Launch {
  const AugmentParams& params;
  cudaStream_t stream;

  template <typename Source, typename Out, int kChannels>
  void run() const {
    const BlockPlan plan = block_plan<true>(params);
    const unsigned blocks = static_cast<unsigned>(block_count(params, plan));
    simple_kernel<Source, Out, kChannels><<<blocks, kThreads, 0, stream>>>(params, plan);
  }

  template <typename Source, int kChannels>
  void run_general() const {
    const BlockPlan plan = block_plan<false>(params);
    const unsigned blocks = static_cast<unsigned>(block_count(params, plan));
    if constexpr (!kOnlyMoves<Source>) {
      if (resamples(params.program)) {
        with_interleaving<Source, kChannels>(params, [&](auto is_interleaved) {
          const auto launch = [&](int32_t stage) {
            resampling_kernel<Source, kChannels, is_interleaved.value>
                <<<blocks, kThreads, 0, stream>>>(params, plan, stage);
          };
          for_each_entering(params.program, launch);
          launch(kBatch);
        });
        return;
      }
    }
    with_interleaving<Source, kChannels>(params, [&](auto is_interleaved) {
      if constexpr (!kOnlyMoves<Source>) {
        if (params.program.map_is_bicubic) {
          const auto launch = [&](int32_t stage) {
            cubic_kernel<Source, kChannels, is_interleaved.value>
                <<<blocks, kThreads, 0, stream>>>(params, plan, stage);
          };
          for_each_entering(params.program, launch);
          return launch(kBatch);
        }
        for_each_entering(params.program, [&](int32_t stage) {
          entering_kernel<Source, kChannels, is_interleaved.value>
              <<<blocks, kThreads, 0, stream>>>(params, plan, stage);
        });
      }
      general_kernel<Source, kChannels, is_interleaved.value>
          <<<blocks, kThreads, 0, stream>>>(params, plan);
    });
  }

  template <typename Source, int kChannels>
  void run_whole_image() const {
    if (!has_chains(params.program)) {
      return run_operation<Source, kChannels>(params);
    }
    for_each_slot<Source, kChannels>(params, [&](const AugmentParams& slot, auto source) {
      run_operation<decltype(source), kChannels>(slot);
    });
  }

  template <typename Source, int kChannels>
  void run_operation(const AugmentParams& of) const {
    const BlockPlan plan = whole_image_plan(of);
    if (some_have(of.program, trait::kHasStatistics)) {
      const unsigned images = static_cast<unsigned>(of.batch_size);
      statistics_kernel<Source><<<images, kStatisticsThreads, 0, stream>>>(of);
    }
    const unsigned blocks = static_cast<unsigned>(block_count(of, plan));
    if (some_have(of.program, trait::kHasPasses)) {
      pass_kernel<Source, kChannels><<<blocks, kThreads, 0, stream>>>(of, plan);
    }
    if (some_cubic(of.program)) {
      whole_image_kernel<Source, kChannels, true><<<blocks, kThreads, 0, stream>>>(of, plan);
    } else {
      whole_image_kernel<Source, kChannels, false><<<blocks, kThreads, 0, stream>>>(of, plan);
    }
  }
};

__global__ void draw_kernel(const __grid_constant__ AugmentParams params, int32_t* draws) {
  const int64_t slot = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  draw_slot(params, slot, draws);
}

}  // namespace

void launch_augment(const AugmentParams& params, OutType source_type, cudaStream_t stream) {
  dispatch(source_type, params, Launch{params, stream});
}

void launch_draw(const AugmentParams& params, int32_t* draws, cudaStream_t stream) {
  const int64_t slots = draw_slots(params);
  draw_kernel<<<static_cast<unsigned>(ceil_div<int64_t>(slots, kThreads)), kThreads, 0, stream>>>(
      params, draws);
}

}  // namespace warpmix::augment
