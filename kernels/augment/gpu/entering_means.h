// Sums of images as they enter a contrast that pivots on their mean, made before the batch by
// making the images up to there and not writing them.
#pragma once

#include "channel_sums.h"
#include "general_kernel.h"

namespace warpmix::augment {

// Calls function(stage) for each contrast that pivots on a mean of the image as it enters, in
// order: each needs the means of those before it.
template <typename Function>
void for_each_entering(const Program& program, const Function& function) {
  for (int32_t i = program.geometry_end; i < program.color_end; ++i) {
    if (program.stages[i].mean != kSourceMean) {
      function(i);
    }
  }
}

// Of values that a thread adds up: those of bytes, which stay in [0, 255] but for an ulp, fit into
// 32 bits with all pixels of a thread's part of a tile.
template <typename Source>
using EnteringSum = std::conditional_t<std::is_same_v<Source, uint8_t>, int32_t, int64_t>;
static_assert(int64_t{kTileWidth} * kTileHeight / kThreads * 256 * 65536 <= INT32_MAX / 2 + 1);

HOST_DEVICE void add_value(float value, int64_t& sum) { sum += fixed_point(value); }

HOST_DEVICE void add_value(float value, int32_t& sum) {
#if defined(__CUDA_ARCH__)
  sum += __float2int_rn(value * kSumScale);
#else
  sum += static_cast<int32_t>(fixed_point(value));
#endif
}

// Adds a tile's part of the sums that the contrast at `stage` needs, for the sample and its
// partner.
template <typename AnySampler, typename AnyShared>
HOST_DEVICE void add_entering_pixels(const AugmentParams& params, Tile tile, int32_t thread,
                                     const AnyShared& shared, int32_t stage, int32_t channel) {
  constexpr int kCount = AnySampler::kCount;
  const Program& program = params.program;
  const int32_t used = shared.mixing.mix == Mix::kNone ? 1 : 2;
  for (int32_t s = 0; s < used; ++s) {
    if (!shared.draws[s][stage].on) {
      continue;
    }
    const AnySampler sampler(params, shared, s, channel);
    EnteringSum<typename AnySampler::Element> sum[kCount] = {};
    const GroupRows rows(tile);
    for (int32_t group = thread; group < rows.count; group += kThreads) {
      const int32_t y = rows.row(group);
      const int32_t x = rows.first_pixel(group, y);
      Group<kCount> value;
      colored_group(sampler, shared, tile, s, x, y, channel, value);
      UNROLL
      for (int i = 0; i < kGroup * kCount; ++i) {
        add_value(x + i / kCount < tile.width ? value[i] : 0.0f, sum[i % kCount]);
      }
    }
    const int64_t slot =
        (static_cast<int64_t>(tile.position) * sides(program) + s) * program.means +
        program.stages[stage].mean;
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      add_to(params.entering + slot * params.channels + channel + c, int64_t{sum[c]});
    }
  }
}

// Templates as of make_general_tile.
template <template <typename, int, bool> typename AnySampler, typename Source, int kChannels,
          bool kInterleaved, typename AnyShared>
HOST_DEVICE void add_entering_tile(const AugmentParams& params, Tile tile, int32_t thread,
                                   const AnyShared& shared, int32_t stage) {
  if constexpr (kChannels == 0) {
    for (int32_t c = 0; c < params.channels; ++c) {
      add_entering_pixels<AnySampler<Source, 1, kInterleaved>>(params, tile, thread, shared, stage,
                                                               c);
    }
  } else {
    add_entering_pixels<AnySampler<Source, kChannels, kInterleaved>>(params, tile, thread, shared,
                                                                     stage, 0);
  }
}

}  // namespace warpmix::augment
