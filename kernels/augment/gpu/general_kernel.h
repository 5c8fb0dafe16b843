// The kernel of any program: any map, any colour steps, any occlusions. What
// a sample does is the same for a whole block, so its branches do not diverge, and each is taken
// once for a group of pixels.
#pragma once

#include "../output.h"
#include "../sampling.h"
#include "groups.h"
#include "store.h"

namespace warpmix::augment {

// ---- geometry -----------------------------------------------------------------------------------

// One side of a tile: its image and what its geometry needs.
template <typename Source, int kCount>
struct Sampler {
  const AugmentParams& params;
  const StageDraw* draws;
  const float* fill_values;  // of the channels
  const Source* image;
  Map map;

  HOST_DEVICE Sampler(const AugmentParams& p, const Shared& shared, int32_t s, int32_t channel)
      : params(p),
        draws(shared.draws[s]),
        fill_values(p.program.fill + channel),
        image(static_cast<const Source*>(p.images) + shared.side[s].row * p.image_stride +
              static_cast<int64_t>(channel) * p.channel_stride),
        map(shared.side[s].map) {}

  HOST_DEVICE void fill(float* value) const {
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      value[c] = fill_values[c];
    }
  }

  HOST_DEVICE void load(int32_t offset, float* value) const {
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      value[c] = load_value(image + offset + c * params.channel_stride);
    }
  }

  // Pixel (x, y) of the image that enters the map.
  HOST_DEVICE void tap(int32_t x, int32_t y, float (&value)[kCount]) const {
    const Program& program = params.program;
    if (program.map_begin > 0) {
      x = whole_source(program, draws, 0, program.map_begin, 0, x);
      y = whole_source(program, draws, 0, program.map_begin, 1, y);
      if (x == kOutside || y == kOutside) {
        return fill(value);
      }
    }
    load(y * params.row_stride + x * params.pixel_stride, value);
  }

  // Pixel (column, row) of the image that leaves the map.
  HOST_DEVICE void sample(int32_t column, int32_t row, float* value) const {
    const float* m = map.m;
    const float x =
        map_coordinate(m[0], m[1], m[2], static_cast<float>(column), static_cast<float>(row));
    const float y =
        map_coordinate(m[3], m[4], m[5], static_cast<float>(column), static_cast<float>(row));
    const Program& program = params.program;
    const Border border = program.map_border;
    if (border == Border::kConstant &&
        !(within(x, program.map_width) && within(y, program.map_height))) {
      return fill(value);
    }
    const Taps across = taps_of(x, program.map_width, border);
    const Taps down = taps_of(y, program.map_height, border);
    float corner[4][kCount];
    tap(across.first, down.first, corner[0]);
    tap(across.second, down.first, corner[1]);
    tap(across.first, down.second, corner[2]);
    tap(across.second, down.second, corner[3]);
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      value[c] = between(between(corner[0][c], corner[1][c], across.weight),
                         between(corner[2][c], corner[3][c], across.weight), down.weight);
    }
  }

  HOST_DEVICE void read(const int32_t* columns, int32_t row, Group<kCount>& value) const {
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      const int32_t column = columns[i];
      if ((row | column) < 0) {
        fill(value + i * kCount);
      } else if (map.whole) {
        load(row + column, value + i * kCount);
      } else {
        sample(column, row, value + i * kCount);
      }
    }
  }
};

// ---- colour and occlusion -----------------------------------------------------------------------

// A group's pixels, for apply_step.
template <int kCount>
struct GroupPixels {
  Group<kCount>& value;
  int32_t first_channel;

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
HOST_DEVICE void paint_random(const Patch& patch, uint32_t bits, int32_t first_pixel,
                              int32_t channel, Group<kCount>& value) {
  UNROLL
  for (int i = 0; i < kGroup; ++i) {
    if (bits >> i & 1u) {
      const Philox4 bytes = pixel_bytes(patch, first_pixel + i);
      UNROLL
      for (int c = 0; c < kCount; ++c) {
        value[i * kCount + c] = byte_of_channel(bytes, channel + c);
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
      paint_random<kCount>(patch, bits, y * params.out_width + x, channel, value);
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
template <typename Source, int kCount>
HOST_DEVICE void colored_group(const Sampler<Source, kCount>& sampler, const Shared& shared,
                               int32_t s, int32_t x, int32_t y, int32_t channel,
                               Group<kCount>& value) {
  sampler.read(shared.column[s] + x, shared.row[s][y], value);
  for (int32_t i = 0; i < shared.side[s].steps; ++i) {
    apply_step(shared.side[s].step[i], GroupPixels<kCount>{value, channel});
  }
}

// One side of a group as it enters the mix.
template <typename Source, int kCount>
HOST_DEVICE void side_group(const Sampler<Source, kCount>& sampler, const Shared& shared, Tile tile,
                            int32_t s, int32_t x, int32_t y, int32_t channel,
                            Group<kCount>& value) {
  colored_group(sampler, shared, s, x, y, channel, value);
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

// The type of the output is known at run time alone: a quarter of the kernels to compile, for a
// switch a group.
template <int kCount>
HOST_DEVICE void store_general_group(const AugmentParams& params, int64_t first, int32_t pixels,
                                     const Group<kCount>& value) {
  with_out_type(params.out_type, [&](auto element) {
    using Out = decltype(element);
    store_group<Out, kCount>(params, static_cast<Out*>(params.batch) + first, pixels, value);
  });
}

template <typename Source, int kCount>
HOST_DEVICE void make_general_pixels(const AugmentParams& params, Tile tile, int32_t thread,
                                     const Shared& shared, int32_t channel) {
  const Sampler<Source, kCount> own(params, shared, 0, channel);
  const Sampler<Source, kCount> partner(params, shared, shared.mixing.mix == Mix::kNone ? 0 : 1,
                                        channel);
  const Box& cut = shared.mixing.box;
  const int64_t image = tile.position * params.out_image_stride +
                        static_cast<int64_t>(channel) * params.out_channel_stride;
  const GroupRows rows(tile);
  for (int32_t group = thread; group < rows.count; group += kThreads) {
    const int32_t y = rows.row(group);
    const int32_t x = rows.first_pixel(group, y);
    const bool blends = shared.mixing.mix == Mix::kBlend;
    uint32_t cut_bits = 0;
    if (shared.mixing.mix == Mix::kCut && inside(tile.y + y, cut.y0, cut.y1)) {
      cut_bits = group_bits(tile.x + x, cut.x0, cut.x1);
    }
    Group<kCount> value;
    side_group(own, shared, tile, 0, x, y, channel, value);
    if (blends || cut_bits != 0) {
      Group<kCount> other;
      side_group(partner, shared, tile, 1, x, y, channel, other);
      UNROLL
      for (int i = 0; i < kGroup * kCount; ++i) {
        const float cut_value = cut_bits >> i / kCount & 1u ? other[i] : value[i];
        value[i] = blends ? blend(value[i], other[i], shared.mixing.lam) : cut_value;
      }
    }
    apply_patches<kCount>(params, shared.after, tile.x + x, tile.y + y, channel, value);
    UNROLL
    for (int i = 0; i < kGroup * kCount; ++i) {
      value[i] = normalise(value[i], params.scale[channel + i % kCount],
                           params.bias[channel + i % kCount]);
    }
    store_general_group<kCount>(params,
                                image + static_cast<int64_t>(tile.y + y) * params.out_row_stride +
                                    static_cast<int64_t>(tile.x + x) * params.out_pixel_stride,
                                min_of(kGroup, tile.width - x), value);
  }
}

// kChannels 0 stands for any number of channels, made one after the other.
template <typename Source, int kChannels>
HOST_DEVICE void make_general_tile(const AugmentParams& params, Tile tile, int32_t thread,
                                   const Shared& shared) {
  if constexpr (kChannels == 0) {
    for (int32_t c = 0; c < params.channels; ++c) {
      make_general_pixels<Source, 1>(params, tile, thread, shared, c);
    }
  } else {
    make_general_pixels<Source, kChannels>(params, tile, thread, shared, 0);
  }
}

// Calls body(tile, shared) for each of the block's images.
template <typename Body>
HOST_DEVICE void for_each_image(const AugmentParams& params, BlockPlan plan, Tile tile,
                                BlockShared<false>& block, const Body& body) {
  for (int32_t image = 0; image < tile.images; ++image) {
    body(tile.of_image(image), block.of_image(params, plan, tile, image));
  }
}

}  // namespace warpmix::augment
