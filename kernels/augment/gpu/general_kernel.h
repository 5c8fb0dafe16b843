// The kernel of any program: any map, any colour steps, any occlusions. What
// a sample does is the same for a whole block, so its branches do not diverge, and each is taken
// once for a group of pixels.
#pragma once

#include "../output.h"
#include "sampler.h"
#include "store.h"

namespace warpmix::augment {

// ---- colour and occlusion -----------------------------------------------------------------------

// A group's pixels, for apply_step.
template <int kCount>
struct GroupPixels {
  Group<kCount>& value;
  int32_t first_channel;
  int32_t first_pixel;  // its number in the image

  template <typename Change>
  HOST_DEVICE void each_channel(const Change& change) const {
    UNROLL
    for (int i = 0; i < kGroup * kCount; ++i) {
      value[i] = change.of(first_channel + i % kCount)(value[i]);
    }
  }

  template <typename Change>
  HOST_DEVICE void each_pixel([[maybe_unused]] const Change& change) const {
    if constexpr (kCount == 3) {
      UNROLL
      for (int i = 0; i < kGroup * kCount; i += 3) {
        change(value[i], value[i + 1], value[i + 2]);
      }
    }
  }

  template <typename Change>
  HOST_DEVICE void each_normal(uint64_t key, const Change& change) const {
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      float normal[kCount];
      pixel_normals<kCount>(key, first_pixel + i, first_channel, normal);
      UNROLL
      for (int c = 0; c < kCount; ++c) {
        value[i * kCount + c] = change(value[i * kCount + c], normal[c]);
      }
    }
  }
};

template <int kCount>
HOST_DEVICE void paint(uint32_t bits, const float (&color)[kCount], Group<kCount>& value) {
  UNROLL
  for (int i = 0; i < kGroup * kCount; ++i) {
    value[i] = bits >> i / kCount & 1u ? color[i % kCount] : value[i];
  }
}

// Which pixels of the group at (x, y) a patch covers.
HOST_DEVICE uint32_t patch_bits(const Patch& patch, int32_t x, int32_t y) {
  if (!patch.is_grid) {
    const Box& box = patch.box;
    return inside(y, box.y0, box.y1) ? group_bits(x, box.x0, box.x1) : 0u;
  }
  const GridMaskDraw& grid = patch.grid;
  uint32_t bits = 0;
  if ((y + grid.offset_y) % grid.period < grid.square) {
    int32_t place = (x + grid.offset_x) % grid.period;
    for (int i = 0; i < kGroup; ++i) {
      bits |= static_cast<uint32_t>(place < grid.square) << i;
      place = place + 1 == grid.period ? 0 : place + 1;
    }
  }
  return bits;
}

template <int kCount>
HOST_DEVICE void paint_random(const Program& program, const Patch& patch, uint32_t bits,
                              int32_t first_pixel, int32_t channel, Group<kCount>& value) {
  UNROLL
  for (int i = 0; i < kGroup; ++i) {
    if (bits >> i & 1u) {
      float random[kCount];
      random_pixel<kCount>(program, patch, first_pixel + i, channel, random);
      UNROLL
      for (int c = 0; c < kCount; ++c) {
        value[i * kCount + c] = random[c];
      }
    }
  }
}

template <int kCount>
HOST_DEVICE void apply_patches(const AugmentParams& params, const Patches& patches, int32_t x,
                               int32_t y, int32_t channel, Group<kCount>& value) {
  const Program& program = params.program;
  for (int32_t i = 0; i < patches.count; ++i) {
    const Patch& patch = patches.patch[i];
    const uint32_t bits = patch_bits(patch, x, y);
    if (bits == 0) {
      continue;
    }
    if (is_random(program, patch)) {
      paint_random<kCount>(program, patch, bits, y * params.out_width + x, channel, value);
      continue;
    }
    float color[kCount];
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      color[c] = patch_value(program, patch, channel + c);
    }
    paint<kCount>(bits, color, value);
  }
}

// One side of the group at (x, y) of the tile as it enters the colour stage at which its steps end.
template <typename AnySampler>
HOST_DEVICE void colored_group(const AnySampler& sampler, const Shared& shared, Tile tile,
                               int32_t s, int32_t x, int32_t y, int32_t channel,
                               Group<AnySampler::kCount>& value) {
  constexpr int kCount = AnySampler::kCount;
  sampler.read(x, y, value);
  for (int32_t i = 0; i < shared.side[s].steps; ++i) {
    const int32_t pixel = (tile.y + y) * sampler.params.out_width + tile.x + x;
    apply_step(shared.side[s].step[i], GroupPixels<kCount>{value, channel, pixel});
  }
}

// One side of a group as it enters the mix.
template <typename AnySampler>
HOST_DEVICE void side_group(const AnySampler& sampler, const Shared& shared, Tile tile, int32_t s,
                            int32_t x, int32_t y, int32_t channel,
                            Group<AnySampler::kCount>& value) {
  constexpr int kCount = AnySampler::kCount;
  colored_group(sampler, shared, tile, s, x, y, channel, value);
  const Side& side = shared.side[s];
  const Box& keep = side.keep;
  const float black[kCount] = {};
  const uint32_t kept =
      inside(tile.y + y, keep.y0, keep.y1) ? group_bits(tile.x + x, keep.x0, keep.x1) : 0u;
  if (kept != kWholeGroup) {
    paint<kCount>(~kept, black, value);
  }
  apply_patches<kCount>(sampler.params, side.patches, tile.x + x, tile.y + y, channel, value);
}

// ---- a tile -------------------------------------------------------------------------------------

// Normalises and writes a group from element `first` of the batch on. The type of the output is
// known at run time alone: a quarter of the kernels to compile, for a switch a group.
template <int kCount>
HOST_DEVICE void finish_group(const AugmentParams& params, int64_t first, int32_t pixels,
                              int32_t channel, Group<kCount>& value) {
  UNROLL
  for (int i = 0; i < kGroup * kCount; ++i) {
    value[i] =
        normalise(value[i], params.scale[channel + i % kCount], params.bias[channel + i % kCount]);
  }
  with_out_type(params.out_type, [&](auto element) {
    using Out = decltype(element);
    store_group<Out, kCount>(params, static_cast<Out*>(params.batch) + first, pixels, value);
  });
}

// Which pixels of the group at (x, y) of the tile are the partner's.
HOST_DEVICE uint32_t partner_bits(const Mixing& mixing, Tile tile, int32_t x, int32_t y) {
  const bool crosses = mixing.mix == Mix::kCut && inside(tile.y + y, mixing.box.y0, mixing.box.y1);
  return crosses ? group_bits(tile.x + x, mixing.box.x0, mixing.box.x1) : 0u;
}

// The group at (x, y) of the tile as it leaves the mix: of one side, or of both.
template <typename AnySampler, typename AnyShared>
HOST_DEVICE void mixed_group(const AugmentParams& params, const AnyShared& shared, Tile tile,
                             int32_t x, int32_t y, uint32_t bits, int32_t channel,
                             Group<AnySampler::kCount>& value) {
  constexpr int kCount = AnySampler::kCount;
  const bool blends = shared.mixing.mix == Mix::kBlend;
  const int32_t first = bits == kWholeGroup ? 1 : 0;
  const int32_t last = blends || bits != 0 ? 1 : 0;
  for (int32_t s = first; s <= last; ++s) {  // one copy of the code, whichever side a thread makes
    const AnySampler sampler(params, shared, s, channel);
    Group<kCount> made;
    side_group(sampler, shared, tile, s, x, y, channel, made);
    UNROLL
    for (int i = 0; i < kGroup * kCount; ++i) {
      if (s == first) {
        value[i] = made[i];
      } else if (blends) {
        value[i] = blend(value[i], made[i], shared.mixing.lam, params.program.clips);
      } else {
        value[i] = bits >> i / kCount & 1u ? made[i] : value[i];
      }
    }
  }
}

template <typename AnySampler, typename AnyShared>
HOST_DEVICE void make_general_pixels(const AugmentParams& params, Tile tile, int32_t thread,
                                     const AnyShared& shared, int32_t channel) {
  constexpr int kCount = AnySampler::kCount;
  const GroupRows rows(tile);
  const SplitGroups& splits = shared.splits;
  for (int32_t i = thread; i < rows.count + splits.count; i += kThreads) {
    const bool is_last = i >= rows.count;
    const int32_t y = is_last ? splits.row(i - rows.count) : rows.row(i);
    const int32_t x = is_last ? splits.first_pixel(i - rows.count) : rows.first_pixel(i, y);
    const uint32_t bits = x < 0 || x >= tile.width ? 0u : partner_bits(shared.mixing, tile, x, y);
    const bool is_split = bits != 0 && bits != kWholeGroup;
    if (is_split != is_last) {
      continue;
    }
    Group<kCount> value;
    mixed_group<AnySampler>(params, shared, tile, x, y, bits, channel, value);
    apply_patches<kCount>(params, shared.after, tile.x + x, tile.y + y, channel, value);
    finish_group<kCount>(params,
                         shared.first + (y * params.out_row_stride + x * params.out_pixel_stride +
                                         channel * params.out_channel_stride),
                         min_of(kGroup, tile.width - x), channel, value);
  }
}

// kChannels 0 stands for any number of channels, made one after the other. AnySampler: Sampler, or
// another with its parameters; AnyShared: what it is made from.
template <template <typename, int, bool> typename AnySampler, typename Source, int kChannels,
          bool kInterleaved, typename AnyShared>
HOST_DEVICE void make_general_tile(const AugmentParams& params, Tile tile, int32_t thread,
                                   const AnyShared& shared) {
  if constexpr (kChannels == 0) {
    for (int32_t c = 0; c < params.channels; ++c) {
      make_general_pixels<AnySampler<Source, 1, true>>(params, tile, thread, shared, c);
    }
  } else {
    make_general_pixels<AnySampler<Source, kChannels, kInterleaved>>(params, tile, thread, shared,
                                                                     0);
  }
}

// Calls body(tile, shared) for each of the block's images.
template <typename AnyBlock, typename Body>
HOST_DEVICE void for_each_image(const AugmentParams& params, const BlockPlan& plan, Tile tile,
                                AnyBlock& block, const Body& body) {
  for (int32_t image = 0; image < tile.images; ++image) {
    body(tile.of_image(image), block.of_image(params, plan, tile, image));
  }
}

}  // namespace warpmix::augment
