// The parameters of one block of the augmentation kernel, in phases that every thread of the block
// finishes before any starts the next: draw the sample, draw its partner, resolve, tabulate.
#pragma once

#include "../sample.h"
#include "../whole_pixels.h"

namespace warpmix::augment {

constexpr int kThreads = 128;
constexpr int kGroup = 8;  // pixels a thread makes at a time: 16-byte stores of every float type
constexpr int kTileWidth = 256;      // a block makes one tile of one image, so that an image of
constexpr int kTileHeight = 32;      // 224×224 is 7 blocks and its parameters are drawn 7 times
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
  return static_cast<int64_t>(params.batch_size) *
         tiles_per_image(params.out_width, params.out_height);
}

HOST_DEVICE Tile block_tile(const AugmentParams& params, int32_t block) {
  const int32_t per_image = tiles_per_image(params.out_width, params.out_height);
  const int32_t across = tiles_across(params.out_width);
  const int32_t position = block / per_image;
  const int32_t tile = block - position * per_image;
  const int32_t x = tile % across * kTileWidth;
  const int32_t y = tile / across * kTileHeight;
  return {position, x, y, min_of(kTileWidth, params.out_width - x),
          min_of(kTileHeight, params.out_height - y)};
}

// Table entries without a source, chosen so that one sum of a column's and a row's entry tells: it
// is black if either is kBlack, else it has no source if either is kFill, else it is their pixel,
// below kMaxPixels * kMaxChannels.
constexpr int32_t kFill = -(1 << 28);   // a constant border
constexpr int32_t kBlack = -(1 << 30);  // occluded
static_assert(kMaxPixels * kMaxChannels <= -kFill && kBlack - kFill < 2 * kFill);

HOST_DEVICE bool is_black(int32_t entry) { return entry < 2 * kFill; }

// Bits of a pixel in Shared::cut: two, since nvcc shifts a single one down before it tests it.
constexpr int32_t kCutBits = 2;
constexpr uint32_t kCutPixel = 3;

struct Shared {
  StageDraw draws[2][kMaxStages];  // the sample's, and its partner's
  Side side[2];
  Mixing mixing;
  Patches after;  // occlusions after the mix
  // Of each column and row of the tile its offset in the source image or, where that side's map is
  // not whole, its coordinate before the map; kFill, or kBlack.
  int32_t column[2][kTileWidth];
  int32_t row[2][kTileHeight];
  // CutMix in the whole-pixel template: column[1] serves the rows that the box crosses, with own
  // columns outside it, and this, a word a group across, tells whose they are: the first pixel in
  // the lowest kCutBits, set where it is the partner's.
  uint32_t cut[kTileWidth / kGroup];
};

// Who the partner is once the sample's draws are known; itself without a mix.
HOST_DEVICE Sample block_partner(const AugmentParams& params, const Shared& shared, Sample own) {
  const int32_t mix = applied_mix(params.program, shared.draws[0]);
  return mix < 0 ? own : partner_sample(params, shared.draws[0][mix].partner);
}

// One stage a thread: of the sample (side 0), then of its partner up to the mix (side 1).
template <bool kSimple>
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
    shared.draws[side][thread] = obtain_draw<kSimple>(params, tile.position, side, thread, sample);
  }
}

// Colour stages up to `color_end` alone: a launch for means stops before its contrast.
template <bool kSimple>
HOST_DEVICE void resolve_side(const AugmentParams& params, int32_t position, int32_t s, int32_t row,
                              int32_t color_end, Shared& shared) {
  resolve_shape<kSimple>(params, shared.draws[s], shared.draws[0], row, shared.side[s]);
  resolve_steps(params, shared.draws[s], color_end, position, s, shared.side[s]);
}

template <bool kSimple>
HOST_DEVICE void resolve(const AugmentParams& params, Tile tile, int32_t thread, int32_t color_end,
                         Shared& shared) {
  if (thread != 0 && thread != kThreads / 2) {
    return;
  }
  const Program& program = params.program;
  const Sample own = batch_sample(params, tile.position);
  const Sample partner = block_partner(params, shared, own);
  if (thread == 0) {
    resolve_side<kSimple>(params, tile.position, 0, own.row, color_end, shared);
    if constexpr (!kSimple) {
      resolve_patches(program, shared.draws[0], program.mix_end, program.count, shared.after);
    }
    shared.mixing = resolve_mixing(program, shared.draws[0]);
  } else if (applied_mix(program, shared.draws[0]) >= 0) {
    resolve_side<kSimple>(params, tile.position, 1, partner.row, color_end, shared);
  }
}

// Offset of the source column (axis 0) or row (axis 1) of output coordinate x, or why it has none.
template <bool kSimple>
HOST_DEVICE int32_t table_entry(const AugmentParams& params, const Shared& shared, int32_t s,
                                int32_t axis, int32_t x) {
  const Program& program = params.program;
  const Side& side = shared.side[s];
  const int32_t size = axis == 0 ? params.out_width : params.out_height;
  const bool kept =
      axis == 0 ? inside(x, side.keep.x0, side.keep.x1) : inside(x, side.keep.y0, side.keep.y1);
  if (x >= size || (kSimple && !kept)) {
    return kBlack;
  }
  int32_t source = 0;
  if constexpr (kSimple) {
    source = whole_source(program, shared.draws[s], 0, program.geometry_end, axis, x);
  } else if (side.map.whole) {
    source = source_coordinate(program, shared.draws[s], side.map, axis, x);
  } else {
    x = whole_source(program, shared.draws[s], program.map_end, program.geometry_end, axis, x);
    return x == kOutside ? kFill : x;
  }
  const int32_t stride = axis == 0 ? params.pixel_stride : params.row_stride;
  return source == kOutside ? kFill : source * stride;
}

// The word of Shared::cut for the group at x.
HOST_DEVICE uint32_t cut_word(int32_t x, Box box) {
  uint32_t word = 0;
  for (int32_t i = 0; i < kGroup; ++i) {
    word |= inside(x + i, box.x0, box.x1) ? kCutPixel << kCutBits * i : 0u;
  }
  return word;
}

template <bool kSimple>
HOST_DEVICE void tabulate(const AugmentParams& params, Tile tile, int32_t thread, Shared& shared) {
  const int32_t columns = ceil_div(tile.width, kGroup) * kGroup;  // whole groups, the rest black
  const Mixing& mixing = shared.mixing;
  const bool cuts = kSimple && mixing.mix == Mix::kCut;
  const int32_t used = mixing.mix == Mix::kNone ? 1 : 2;
  for (int32_t s = 0; s < used; ++s) {
    for (int32_t i = thread; i < columns + tile.height; i += kThreads) {
      if (i < columns) {
        const bool is_own = cuts && !inside(tile.x + i, mixing.box.x0, mixing.box.x1);
        shared.column[s][i] = table_entry<kSimple>(params, shared, is_own ? 0 : s, 0, tile.x + i);
      } else {
        shared.row[s][i - columns] =
            table_entry<kSimple>(params, shared, s, 1, tile.y + i - columns);
      }
    }
  }
  if (cuts && thread < columns / kGroup) {
    shared.cut[thread] = cut_word(tile.x + thread * kGroup, mixing.box);
  }
}

// The labels and shares of a tile's sample; its first tile writes them.
HOST_DEVICE void write_block_targets(const AugmentParams& params, Tile tile, int32_t thread,
                                     const Shared& shared) {
  if (thread == 0 && tile.x == 0 && tile.y == 0) {
    const Sample own = batch_sample(params, tile.position);
    const Sample partner = block_partner(params, shared, own);
    write_targets(params, tile.position, own.row, partner.row, shared.mixing.lam);
  }
}

// Phases 0 to kParameterPhases - 1: the parameters of the block's tile.
template <bool kSimple>
HOST_DEVICE void parameter_phase(const AugmentParams& params, int phase, Tile tile, int32_t thread,
                                 int32_t color_end, Shared& shared) {
  if (phase < 2) {
    draw_side<kSimple>(params, tile, phase, thread, shared);
  } else if (phase == 2) {
    resolve<kSimple>(params, tile, thread, color_end, shared);
  } else {
    tabulate<kSimple>(params, tile, thread, shared);
  }
}

}  // namespace warpmix::augment
