// The augmentation kernel's body, as host-device functions of the launch coordinates: phases that
// every thread of a block finishes before any starts the next. On the GPU a barrier stands between
// them (augment.cu); under test the host runs them thread by thread
// (csrc/cpu/augment_emulated.cpp).
#pragma once

#include "pixel.h"

namespace warpmix::augment {

constexpr int kThreads = 128;
constexpr int kTileWidth = 256;  // a block makes one tile of one image, so that an image of
constexpr int kTileHeight = 32;  // 224×224 is 7 blocks and its parameters are drawn 7 times
constexpr int kGroup = 8;        // pixels a thread makes at a time: 16-byte stores of every type
constexpr int kParameterPhases = 4;  // and then make_tile

struct Tile {
  int32_t position;  // in the batch
  int32_t x, y;      // of its first pixel
  int32_t width, height;
};

HOST_DEVICE int32_t tiles_across(int32_t width) { return ceil_div(width, kTileWidth); }

HOST_DEVICE int32_t tiles_per_image(int32_t width, int32_t height) {
  return tiles_across(width) * ceil_div(height, kTileHeight);
}

HOST_DEVICE int64_t augment_blocks(const AugmentParams& params) {
  return static_cast<int64_t>(params.batch_size) * tiles_per_image(params.width, params.height);
}

HOST_DEVICE Tile block_tile(const AugmentParams& params, int32_t block) {
  const int32_t per_image = tiles_per_image(params.width, params.height);
  const int32_t across = tiles_across(params.width);
  const int32_t position = block / per_image;
  const int32_t tile = block - position * per_image;
  const int32_t x = tile % across * kTileWidth;
  const int32_t y = tile / across * kTileHeight;
  return {position, x, y, min_of(kTileWidth, params.width - x),
          min_of(kTileHeight, params.height - y)};
}

// Table entries without a source, chosen so that one OR of a column's and a row's entry tells: the
// result is kBlack if either is, else negative if either is kFill, else it is their pixel.
constexpr int32_t kBlack = -1;              // occluded
constexpr int32_t kFill = -2147483647 - 1;  // a constant border

struct Shared {
  StageDraw draws[2][kMaxStages];  // the sample's, and its partner's
  Side side[2];
  Mixing mixing;
  // Offset of each column and row of the tile in its source image, kFill, or kBlack.
  int32_t column[2][kTileWidth];
  int32_t row[2][kTileHeight];
};

// Who the partner is once the sample's draws are known; itself without a mix.
HOST_DEVICE Sample block_partner(const AugmentParams& params, const Shared& shared, Sample own) {
  const int32_t mix = applied_mix(params.program, shared.draws[0]);
  return mix < 0 ? own : partner_sample(params, shared.draws[0][mix].partner);
}

// ---- phases 0 to 3: parameters, once a block ----------------------------------------------------

// One stage a thread: of the sample (side 0), then of its partner up to the mix (side 1).
HOST_DEVICE void draw_side(const AugmentParams& params, Tile tile, int32_t side, int32_t thread,
                           Shared& shared) {
  const Program& program = params.program;
  Sample sample = batch_sample(params, tile.position);
  int32_t stages = program.count;
  require_row(params, sample.row);
  if (side == 1) {
    stages = applied_mix(program, shared.draws[0]) >= 0 ? program.mix_begin : 0;
    sample = block_partner(params, shared, sample);
  }
  if (thread < stages) {
    shared.draws[side][thread] = obtain_draw(params, tile.position, side, thread, sample);
  }
}

HOST_DEVICE void resolve(const AugmentParams& params, Tile tile, int32_t thread, Shared& shared) {
  if (thread != 0 && thread != kThreads / 2) {
    return;
  }
  const Sample own = batch_sample(params, tile.position);
  const Sample partner = block_partner(params, shared, own);
  if (thread == 0) {
    resolve_side(params, shared.draws[0], shared.draws[0], own.row, shared.side[0]);
    shared.mixing = resolve_mixing(params.program, shared.draws[0]);
    if (tile.x == 0 && tile.y == 0) {
      write_targets(params, tile.position, own.row, partner.row, shared.mixing.lam);
    }
  } else if (applied_mix(params.program, shared.draws[0]) >= 0) {
    resolve_side(params, shared.draws[1], shared.draws[0], partner.row, shared.side[1]);
  }
}

// Offset of the source column (axis 0) or row (axis 1) of output coordinate x, or why it has none.
HOST_DEVICE int32_t table_entry(const AugmentParams& params, const Shared& shared, int32_t side,
                                int32_t axis, int32_t x) {
  const int32_t* keep = shared.side[side].keep;
  const int32_t size = axis == 0 ? params.width : params.height;
  if (x >= size || !inside(x, keep[axis], keep[axis + 2])) {
    return kBlack;
  }
  const int32_t source = source_coordinate(params.program, shared.draws[side], axis, x, size);
  const int32_t stride = axis == 0 ? params.pixel_stride : params.row_stride;
  return source == kOutside ? kFill : source * stride;
}

HOST_DEVICE void tabulate(const AugmentParams& params, Tile tile, int32_t thread, Shared& shared) {
  const int32_t columns = ceil_div(tile.width, kGroup) * kGroup;  // whole groups, the rest black
  const int32_t used = shared.mixing.mix == Mix::kNone ? 1 : 2;
  for (int32_t s = 0; s < used; ++s) {
    for (int32_t i = thread; i < columns + tile.height; i += kThreads) {
      if (i < columns) {
        shared.column[s][i] = table_entry(params, shared, s, 0, tile.x + i);
      } else {
        shared.row[s][i - columns] = table_entry(params, shared, s, 1, tile.y + i - columns);
      }
    }
  }
}

// ---- phase 4: pixels ----------------------------------------------------------------------------

HOST_DEVICE float load_value(const uint8_t* pixel) { return static_cast<float>(*pixel); }
HOST_DEVICE float load_value(const float* pixel) { return *pixel; }

// One side's constants for kCount channels, in registers.
template <typename Source, int kCount>
struct Reader {
  const Source* image;
  float factor;
  float offset[kCount];

  HOST_DEVICE Reader(const AugmentParams& params, const Side& side, int32_t first_channel)
      : image(static_cast<const Source*>(params.images) + side.row * params.image_stride +
              static_cast<int64_t>(first_channel) * params.channel_stride),
        factor(side.factor) {
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      offset[c] = side.offset[first_channel + c];
    }
  }

  // Values are chosen, not readers: choosing between addresses of the two costs local memory.
  HOST_DEVICE Reader choose(const Reader& other, bool take_other) const {
    Reader chosen = *this;
    chosen.image = take_other ? other.image : image;
    chosen.factor = take_other ? other.factor : factor;
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      chosen.offset[c] = take_other ? other.offset[c] : offset[c];
    }
    return chosen;
  }

  // The load is unconditional, of the image's first pixel where there is no source: a branch round
  // each of the group's loads would keep them from being in flight together.
  HOST_DEVICE void read(int32_t row, int32_t column, int32_t channel_stride, float fill,
                        float (&value)[kCount]) const {
    const bool has_source = (row | column) >= 0;
    const bool black = (row | column) == kBlack;
    const Source* pixel = image + (has_source ? row + column : 0);
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      const float loaded = load_value(pixel + c * channel_stride);
      value[c] = contrast(has_source ? loaded : fill, factor, offset[c]);
      value[c] = black ? 0.0f : value[c];
    }
  }
};

struct alignas(16) Vector16 {
  uint32_t word[4];
};

// Rounds and writes `count` of kCount values to consecutive elements; 16 bytes at a time where all
// are wanted and the address allows it.
template <typename Out, int kCount>
HOST_DEVICE void store(Out* out, const float (&value)[kCount], int32_t count) {
  constexpr int kPerWord = 4 / sizeof(Out);
  constexpr int kPerVector = 4 * kPerWord;
  if (kCount % kPerVector == 0 && count == kCount && reinterpret_cast<uintptr_t>(out) % 16 == 0) {
    UNROLL
    for (int i = 0; i + kPerVector <= kCount; i += kPerVector) {
      const Vector16 vector = {{packed<Out>(value + i), packed<Out>(value + i + kPerWord),
                                packed<Out>(value + i + 2 * kPerWord),
                                packed<Out>(value + i + 3 * kPerWord)}};
      *reinterpret_cast<Vector16*>(out + i) = vector;
    }
    return;
  }
  UNROLL
  for (int i = 0; i < kCount; ++i) {
    if (i < count) {
      out[i] = rounded<Out>(value[i]);
    }
  }
}

// Values of kGroup pixels, `pixels` of which are wanted; a pixel's channels are adjacent.
template <typename Out, int kCount>
HOST_DEVICE void store_group(const AugmentParams& params, Out* out, int32_t pixels,
                             const float (&value)[kGroup * kCount]) {
  if (params.out_channel_stride == 1 && params.channels == kCount) {
    store(out, value, pixels * kCount);
    return;
  }
  UNROLL
  for (int c = 0; c < kCount; ++c) {
    Out* plane = out + static_cast<int64_t>(c) * params.out_channel_stride;
    float row[kGroup];
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      row[i] = value[i * kCount + c];
    }
    if (params.out_pixel_stride == 1) {
      store(plane, row, pixels);
      continue;
    }
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      if (i < pixels) {
        plane[i * params.out_pixel_stride] = rounded<Out>(row[i]);
      }
    }
  }
}

// Bit i says whether x + i is in [begin, end), for the pixels of a group.
HOST_DEVICE uint32_t group_bits(int32_t x, int32_t begin, int32_t end) {
  const int32_t first = min_of(max_of(begin - x, 0), kGroup);
  const int32_t last = min_of(max_of(end - x, 0), kGroup);
  return ((1u << last) - 1u) & ~((1u << first) - 1u);
}

// kInterleaved: a pixel's channels are adjacent in the source, so that their addresses are one
// address with three constants; else they are planes apart.
template <Mix kMix, bool kInterleaved, typename Source, typename Out, int kCount>
HOST_DEVICE void make_pixels(const AugmentParams& params, Tile tile, int32_t thread,
                             const Shared& shared, int32_t first_channel) {
  constexpr int kPartner = kMix == Mix::kNone ? 0 : 1;
  const Reader<Source, kCount> own(params, shared.side[0], first_channel);
  const Reader<Source, kCount> partner(params, shared.side[kPartner], first_channel);
  const Mixing mixing = shared.mixing;
  const int32_t stride = kInterleaved ? 1 : params.channel_stride;
  const float fill = params.program.fill;
  float scale[kCount];
  float bias[kCount];
  UNROLL
  for (int c = 0; c < kCount; ++c) {
    scale[c] = params.scale[first_channel + c];
    bias[c] = params.bias[first_channel + c];
  }
  Out* image = static_cast<Out*>(params.batch) + tile.position * params.out_image_stride +
               static_cast<int64_t>(first_channel) * params.out_channel_stride;
  // group / across by a reciprocal: exact, since group < 1024 and across <= 32 keep the error,
  // at most group · (across - 1) / 2^16, below 1.
  const int32_t across = ceil_div(tile.width, kGroup);
  const int32_t reciprocal = ceil_div(1 << 16, across);
  static_assert(kTileHeight * kTileWidth / kGroup <= 1024 && kTileWidth / kGroup <= 32);
  for (int32_t group = thread; group < across * tile.height; group += kThreads) {
    const int32_t y = group * reciprocal >> 16;
    const int32_t x = (group - y * across) * kGroup;
    const int32_t own_row = shared.row[0][y];
    const int32_t partner_row = shared.row[kPartner][y];
    const uint32_t cut_bits = inside(tile.y + y, mixing.box[1], mixing.box[3])
                                  ? group_bits(tile.x + x, mixing.box[0], mixing.box[2])
                                  : 0u;
    float out[kGroup * kCount];
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      float value[kCount];
      const int32_t own_column = shared.column[0][x + i];
      const int32_t partner_column = shared.column[kPartner][x + i];
      if (kMix == Mix::kCut) {
        const bool cut = (cut_bits >> i & 1u) != 0;
        own.choose(partner, cut)
            .read(cut ? partner_row : own_row, cut ? partner_column : own_column, stride, fill,
                  value);
      } else {
        own.read(own_row, own_column, stride, fill, value);
      }
      if (kMix == Mix::kBlend) {
        float other[kCount];
        partner.read(partner_row, partner_column, stride, fill, other);
        UNROLL
        for (int c = 0; c < kCount; ++c) {
          value[c] = blend(value[c], other[c], mixing.lam);
        }
      }
      UNROLL
      for (int c = 0; c < kCount; ++c) {
        out[i * kCount + c] = normalise(value[c], scale[c], bias[c]);
      }
    }
    store_group<Out, kCount>(params,
                             image + static_cast<int64_t>(tile.y + y) * params.out_row_stride +
                                 static_cast<int64_t>(tile.x + x) * params.out_pixel_stride,
                             min_of(kGroup, tile.width - x), out);
  }
}

template <bool kInterleaved, typename Source, typename Out, int kCount>
HOST_DEVICE void make_channels(const AugmentParams& params, Tile tile, int32_t thread,
                               const Shared& shared, int32_t first_channel) {
  switch (shared.mixing.mix) {
    case Mix::kNone:
      return make_pixels<Mix::kNone, kInterleaved, Source, Out, kCount>(params, tile, thread,
                                                                        shared, first_channel);
    case Mix::kCut:
      return make_pixels<Mix::kCut, kInterleaved, Source, Out, kCount>(params, tile, thread, shared,
                                                                       first_channel);
    case Mix::kBlend:
      return make_pixels<Mix::kBlend, kInterleaved, Source, Out, kCount>(params, tile, thread,
                                                                         shared, first_channel);
  }
}

// kChannels 0 stands for any number of channels, made one after the other.
template <typename Source, typename Out, int kChannels>
HOST_DEVICE void make_tile(const AugmentParams& params, Tile tile, int32_t thread,
                           const Shared& shared) {
  if constexpr (kChannels == 0) {
    for (int32_t c = 0; c < params.channels; ++c) {
      make_channels<true, Source, Out, 1>(params, tile, thread, shared, c);
    }
  } else if (kChannels == 1 || params.channel_stride == 1) {
    make_channels<true, Source, Out, kChannels>(params, tile, thread, shared, 0);
  } else {
    make_channels<false, Source, Out, kChannels>(params, tile, thread, shared, 0);
  }
}

// ---- the body -----------------------------------------------------------------------------------

// Phases 0 to kParameterPhases - 1: the parameters of the block's tile.
HOST_DEVICE void parameter_phase(const AugmentParams& params, int phase, Tile tile, int32_t thread,
                                 Shared& shared) {
  if (phase < 2) {
    draw_side(params, tile, phase, thread, shared);
  } else if (phase == 2) {
    resolve(params, tile, thread, shared);
  } else {
    tabulate(params, tile, thread, shared);
  }
}

// Calls function.run<Source, Out, kChannels>() with the types of one launch: the one list of the
// kernels that exist. Float sources are intermediates of a list of several launches, and rare.
template <typename Out, typename Function>
void dispatch_source(bool source_is_float, int32_t channels, const Function& function) {
  if (source_is_float) {
    function.template run<float, Out, 0>();
  } else if (channels == 3) {
    function.template run<uint8_t, Out, 3>();
  } else if (channels == 1) {
    function.template run<uint8_t, Out, 1>();
  } else {
    function.template run<uint8_t, Out, 0>();
  }
}

template <typename Function>
void dispatch(OutType out, bool source_is_float, int32_t channels, const Function& function) {
  switch (out) {
    case OutType::kFloat32:
      return dispatch_source<float>(source_is_float, channels, function);
    case OutType::kFloat16:
      return dispatch_source<Half>(source_is_float, channels, function);
    case OutType::kBFloat16:
      return dispatch_source<BFloat16>(source_is_float, channels, function);
    case OutType::kUInt8:
      return dispatch_source<uint8_t>(source_is_float, channels, function);
  }
}

}  // namespace warpmix::augment
