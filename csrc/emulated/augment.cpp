// The GPU's kernel bodies, run on the host thread by thread and phase by phase: how a machine
// without a GPU tests what the GPU will compute.
#include "../augment.h"

#include <cstring>
#include <vector>

#include "../boxed.h"
#include "augment/dispatch.h"
#include "augment/gpu/channel_sums.h"
#include "augment/gpu/entering_means.h"
#include "augment/gpu/general_kernel.h"
#include "augment/gpu/whole_pixel_kernel.h"

namespace warpmix::emulated {
namespace {

// Calls body(tile, thread, shared) for every thread of every block once its parameters are there.
template <bool kSimple, typename Body>
void run_blocks(const augment::AugmentParams& params, int32_t color_end, const Body& body) {
  augment::Shared shared;
  const int64_t blocks = augment::augment_blocks(params);
  for (int64_t block = 0; block < blocks; ++block) {
    std::memset(static_cast<void*>(&shared), 0xA5, sizeof shared);  // as undefined as a GPU's
    const augment::Tile tile = augment::block_tile(params, static_cast<int32_t>(block));
    for (int phase = 0; phase < augment::kParameterPhases; ++phase) {
      for (int32_t thread = 0; thread < augment::kThreads; ++thread) {
        augment::parameter_phase<kSimple>(params, phase, tile, thread, color_end, shared);
      }
    }
    for (int32_t thread = 0; thread < augment::kThreads; ++thread) {
      body(tile, thread, shared);
    }
  }
}

struct Emulate {
  const augment::AugmentParams& params;

  template <typename Source, typename Out, int kChannels>
  void run() const {
    run_blocks<true>(params, params.program.color_end,
                     [&](augment::Tile tile, int32_t thread, const augment::Shared& shared) {
                       augment::write_block_targets(params, tile, thread, shared);
                       augment::make_tile<Source, Out, kChannels>(params, tile, thread, shared);
                     });
  }

  template <typename Source, int kChannels>
  void run_general() const {
    augment::for_each_entering(params.program, [&](int32_t stage) {
      run_blocks<false>(
          params, stage, [&](augment::Tile tile, int32_t thread, const augment::Shared& shared) {
            augment::add_entering_tile<Source, kChannels>(params, tile, thread, shared, stage);
          });
    });
    run_blocks<false>(params, params.program.color_end,
                      [&](augment::Tile tile, int32_t thread, const augment::Shared& shared) {
                        augment::write_block_targets(params, tile, thread, shared);
                        augment::make_general_tile<Source, kChannels>(params, tile, thread, shared);
                      });
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
  augment::dispatch(call.source_is_float, params, Emulate{params});
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
