// The GPU's kernel bodies, run on the host thread by thread and phase by phase: how a machine
// without a GPU tests what the GPU will compute.
#include "../augment.h"

#include <cstring>
#include <vector>

#include "../boxed.h"
#include "augment/dispatch.h"
#include "augment/gpu/channel_sums.h"
#include "augment/gpu/cubic_sampler.h"
#include "augment/gpu/entering_means.h"
#include "augment/gpu/general_kernel.h"
#include "augment/gpu/resampling.h"
#include "augment/gpu/whole_image_kernel.h"
#include "augment/gpu/whole_pixel_kernel.h"

namespace warpmix::emulated {
namespace {

// Calls prepare(tile, thread, block) and then body(tile, thread, block) for every thread of every
// block. AnyBlock holds a BlockShared, which `parameters` finds in it.
template <bool kSimple, typename AnyBlock, typename Parameters, typename Prepare, typename Body>
void run_blocks(const augment::AugmentParams& params, const augment::BlockPlan& plan,
                int32_t color_end, const Parameters& parameters, const Prepare& prepare,
                const Body& body) {
  AnyBlock block;
  const int64_t blocks = augment::block_count(params, plan);
  for (int64_t i = 0; i < blocks; ++i) {
    std::memset(static_cast<void*>(&block), 0xA5, sizeof block);  // as undefined as a GPU's
    const augment::Tile tile = augment::block_tile(params, plan, static_cast<int32_t>(i));
    const auto each_thread = [&](const auto& run) {
      for (int32_t thread = 0; thread < augment::kThreads; ++thread) {
        run(tile, thread, block);
      }
    };
    for (int phase = 0; phase < augment::kParameterPhases; ++phase) {
      each_thread([&](augment::Tile, int32_t thread, AnyBlock& of) {
        augment::parameter_phase<kSimple>(params, plan, phase, tile, thread, color_end,
                                          parameters(of));
      });
    }
    each_thread(prepare);
    each_thread(body);
  }
}

// Of kernels whose parameters are all that a block shares.
template <bool kSimple, typename Body>
void run_blocks(const augment::AugmentParams& params, const augment::BlockPlan& plan,
                int32_t color_end, const Body& body) {
  using Block = augment::BlockShared<kSimple>;
  run_blocks<kSimple, Block>(
      params, plan, color_end, [](Block& block) -> Block& { return block; },
      [](augment::Tile, int32_t, Block&) {}, body);
}

// Calls body(thread) for each of a block's threads.
template <typename Body>
void for_threads(int count, const Body& body) {
  for (int32_t thread = 0; thread < count; ++thread) {
    body(thread);
  }
}

struct Emulate {
  const augment::AugmentParams& params;

  template <typename Source, typename Out, int kChannels>
  void run() const {
    const augment::BlockPlan plan = augment::block_plan<true>(params);
    run_blocks<true>(params, plan, params.program.color_end,
                     [&](augment::Tile tile, int32_t thread, augment::BlockShared<true>& block) {
                       augment::write_block_targets(params, plan, tile, thread, block);
                       augment::make_images<Source, Out, kChannels>(params, plan, tile, thread,
                                                                    block);
                     });
  }

  template <typename Source, int kChannels>
  void run_general() const {
    if constexpr (!augment::kOnlyMoves<Source>) {
      if (augment::resamples(params.program)) {
        return run_resampling<Source, kChannels>();
      }
      if (params.program.map_is_bicubic) {
        return run_map<augment::CubicSampler, Source, kChannels>();
      }
    }
    run_map<augment::Sampler, Source, kChannels>();
  }

  template <template <typename, int, bool> typename AnySampler, typename Source, int kChannels>
  void run_map() const {
    using augment::Shared;
    using augment::Tile;
    using Block = augment::BlockShared<false>;
    const augment::BlockPlan plan = augment::block_plan<false>(params);
    augment::for_each_entering(params.program, [&](int32_t stage) {
      run_blocks<false>(params, plan, stage, [&](Tile tile, int32_t thread, Block& block) {
        const auto add = [&](Tile image, const Shared& shared) {
          augment::with_interleaving<Source, kChannels>(params, [&](auto is_interleaved) {
            augment::add_entering_tile<AnySampler, Source, kChannels, is_interleaved.value>(
                params, image, thread, shared, stage);
          });
        };
        augment::for_each_image(params, plan, tile, block, add);
      });
    });
    const int32_t color_end = params.program.color_end;
    run_blocks<false>(params, plan, color_end, [&](Tile tile, int32_t thread, Block& block) {
      augment::write_block_targets(params, plan, tile, thread, block);
      const auto make = [&](Tile image, const Shared& shared) {
        augment::with_interleaving<Source, kChannels>(params, [&](auto is_interleaved) {
          augment::make_general_tile<AnySampler, Source, kChannels, is_interleaved.value>(
              params, image, thread, shared);
        });
      };
      augment::for_each_image(params, plan, tile, block, make);
    });
  }

  template <typename Source, int kChannels>
  void run_resampling() const {
    using augment::ResampledShared;
    using augment::ResamplingSampler;
    using augment::Tile;
    using Block = augment::ResampledBlock;
    const augment::BlockPlan plan = augment::block_plan<false>(params);
    const auto run = [&](int32_t color_end, const auto& body) {
      run_blocks<false, Block>(
          params, plan, color_end, [](Block& of) -> auto& { return of.block; },
          [&](Tile tile, int32_t thread, Block& block) {
            augment::tabulate_taps(params, plan, tile, thread, block);
          },
          body);
    };
    augment::with_interleaving<Source, kChannels>(params, [&](auto is_interleaved) {
      constexpr bool kInterleaved = is_interleaved.value;
      augment::for_each_entering(params.program, [&](int32_t stage) {
        run(stage, [&](Tile tile, int32_t thread, Block& block) {
          const auto add = [&](Tile image, const ResampledShared& shared) {
            augment::add_entering_tile<ResamplingSampler, Source, kChannels, kInterleaved>(
                params, image, thread, shared, stage);
          };
          augment::for_each_image(params, plan, tile, block, add);
        });
      });
      run(params.program.color_end, [&](Tile tile, int32_t thread, Block& block) {
        augment::write_block_targets(params, plan, tile, thread, block.block);
        const auto make = [&](Tile image, const ResampledShared& shared) {
          augment::make_general_tile<ResamplingSampler, Source, kChannels, kInterleaved>(
              params, image, thread, shared);
        };
        augment::for_each_image(params, plan, tile, block, make);
      });
    });
  }

  template <typename Source, int kChannels>
  void run_whole_image() const {
    if (!augment::has_chains(params.program)) {
      return run_operation<Source, kChannels>();
    }
    augment::for_each_slot<Source, kChannels>(
        params, [](const augment::AugmentParams& slot, auto source) {
          Emulate{slot}.run_operation<decltype(source), kChannels>();
        });
  }

  template <typename Source, int kChannels>
  void run_operation() const {
    using augment::Tile;
    using Shared = augment::WholeImageShared;
    if (augment::some_have(params.program, augment::trait::kHasStatistics)) {
      make_statistics<Source>();
    }
    if (augment::some_have(params.program, augment::trait::kHasPasses)) {
      run_windows<0>([&](Tile tile, int32_t thread, const Shared& shared) {
        if (augment::has_passes(shared.operation)) {
          augment::pass_tile<Source, kChannels>(params, tile, thread, shared);
        }
      });
    }
    const bool is_cubic = augment::some_cubic(params.program);
    run_windows<1>([&](Tile tile, int32_t thread, const Shared& shared) {
      is_cubic
          ? augment::make_whole_image_tile<Source, kChannels, true>(params, tile, thread, shared)
          : augment::make_whole_image_tile<Source, kChannels, false>(params, tile, thread, shared);
    });
  }

  // Calls body(tile, thread, shared) for every thread of a pass along an axis.
  template <int kAxis, typename Body>
  void run_windows(const Body& body) const {
    const augment::BlockPlan plan = augment::whole_image_plan(params);
    augment::WholeImageShared shared;
    const int64_t blocks = augment::block_count(params, plan);
    for (int64_t i = 0; i < blocks; ++i) {
      std::memset(static_cast<void*>(&shared), 0xA5, sizeof shared);
      const augment::Tile tile = augment::block_tile(params, plan, static_cast<int32_t>(i));
      for_threads(augment::kThreads, [&](int32_t thread) {
        augment::prepare_whole_image<kAxis == 1>(params, tile, thread, shared);
      });
      if (augment::has_passes(shared.operation)) {
        for_threads(augment::kThreads,
                    [&](int32_t thread) { augment::begin_window(kAxis, thread, shared); });
        for_threads(augment::kThreads,
                    [&](int32_t thread) { augment::finish_window(kAxis, thread, shared); });
      }
      for_threads(augment::kThreads, [&](int32_t thread) { body(tile, thread, shared); });
    }
  }

  template <typename Source>
  void make_statistics() const {
    augment::StatisticsShared shared;
    for (int32_t position = 0; position < params.batch_size; ++position) {
      std::memset(static_cast<void*>(&shared), 0xA5, sizeof shared);
      for_threads(augment::kStatisticsThreads, [&](int32_t thread) {
        augment::begin_statistics(params, position, thread, shared);
      });
      if (!augment::needs_statistics(shared.operation)) {
        continue;
      }
      for_threads(augment::kStatisticsThreads, [&](int32_t thread) {
        augment::gather_statistics<Source>(params, thread, shared);
      });
      for_threads(augment::kStatisticsThreads, [&](int32_t thread) {
        augment::finish_statistics(params, position, thread, shared);
      });
    }
  }
};

struct EmulateSums {
  const augment::SumsParams& params;

  template <typename Source, int kChannels>
  void run() const {
    for (int64_t block = 0; block < augment::sum_blocks<Source>(params); ++block) {
      for (int32_t thread = 0; thread < augment::kSumThreads; ++thread) {
        augment::sum_body<Source, kChannels>(params, block, thread);
      }
    }
  }
};

void augment(const AugmentCall& call) {
  augment::AugmentParams params = call.params;
  std::vector<int64_t> entering(entering_count(params));
  params.entering = entering.data();
  std::vector<int32_t> statistics(statistics_count(params));
  params.statistics = statistics.data();
  std::vector<float> between(between_count(params));
  params.between_passes = between.data();
  augment::dispatch(call.source_type, params, Emulate{params});
}

void channel_sums(const SumsCall& call) {
  const augment::SumsParams& params = call.params;
  std::memset(params.sums, 0, sizeof(int64_t) * params.image_count * params.channels);
  augment::dispatch_sums(params, call.source_is_float, EmulateSums{params});
}

}  // namespace
}  // namespace warpmix::emulated

STABLE_TORCH_LIBRARY_IMPL(warpmix, CPU, library) {
  using namespace warpmix;
  library.impl("augment_emulated", boxed<check_augment, emulated::augment>());
  library.impl("channel_sums_emulated", boxed<check_channel_sums, emulated::channel_sums>());
}
