// The parameters of a block's images, in phases that every thread of the block finishes before any
// starts the next: draw, resolve, tabulate. Threads share them out: a (stage, image) each, an image
// each, eight columns or rows each.
#pragma once

#include "../sample.h"
#include "../whole_pixels.h"
#include "tiles.h"

namespace warpmix::augment {

constexpr int kParameterPhases = 3;

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

// ---- shared memory ------------------------------------------------------------------------------

// `stride` elements for the sample's own image (side 0), then as many for its partner's.
template <typename T>
struct BothSides {
  T* first;
  int32_t stride;

  HOST_DEVICE T* operator[](int32_t s) const { return first + s * stride; }
};

// Where a side's pixels lie in the images, in elements. A general program's taps come from the image
// that enters the map: flips before it only turn strides round.
struct Frame {
  int64_t image;  // its first element
  int32_t tap_first;
  int32_t tap_pixel_stride;
  int32_t tap_row_stride;
  bool shifts_before_map;  // then every tap's coordinates are looked up, and strides are the image's
};

// One image's share of a block's memory.
template <bool kSimple>
struct ImageShare {
  using AnySide = std::conditional_t<kSimple, SimpleSide, Side>;

  const BlockPlan& plan;
  BothSides<StageDraw> draws;  // [2][stages]
  AnySide* side;               // [2]
  Frame* frame;                // [2]
  Mixing& mixing;
  Patches& after;  // occlusions after the mix; of a general program
  // Of each column and row of the tile its offset in the source image or, where that side's map is
  // not whole, its coordinate before the map; kFill, or kBlack.
  BothSides<int32_t> column;
  BothSides<int32_t> row;
  // CutMix in the whole-pixel template: column[1] serves the rows that the box crosses, with own
  // columns outside it, and this, a word a group across, tells whose they are: the first pixel in
  // the lowest kCutBits, set where it is the partner's.
  uint32_t* cut;
};

using Shared = ImageShare<false>;
using SimpleShared = ImageShare<true>;

template <bool kSimple>
struct BlockShared {
  using Limits = Capacity<kSimple>;

  StageDraw draws[Limits::kDraws];
  typename ImageShare<kSimple>::AnySide side[2 * Limits::kImages];
  Frame frame[2 * Limits::kImages];
  Mixing mixing[Limits::kImages];
  Patches after[kSimple ? 1 : Limits::kImages];
  alignas(16) int32_t entry[Limits::kEntries];
  uint32_t cut[kSimple ? Limits::kColumnGroups : 1];

  HOST_DEVICE ImageShare<kSimple> of_image(const AugmentParams& params, const BlockPlan& plan, Tile tile,
                                           int32_t image) {
    const int32_t stages = params.program.count;
    int32_t* entries = entry + 2 * plan.entries * image;
    const int32_t columns = in_groups(tile.width) * kGroup;
    return {plan,
            {draws + sides(params.program) * stages * image, stages},
            side + 2 * image,
            frame + 2 * image,
            mixing[image],
            after[kSimple ? 0 : image],
            {entries, plan.entries},
            {entries + columns, plan.entries},
            cut + (kSimple ? in_groups(tile.width) * image : 0)};
  }
};

// ---- draw ---------------------------------------------------------------------------------------

// Each thread one stage of one image: of the sample itself, or of its partner up to the mix. All
// begin at once, the partner's by drawing who it is. Threads side by side have the same stage of
// different images, so that a warp does the work of few kinds of stages.
template <bool kSimple>
HOST_DEVICE void draw_images(const AugmentParams& params, const BlockPlan& plan, Tile tile, int32_t thread,
                             BlockShared<kSimple>& block) {
  const Program& program = params.program;
  const int32_t items = program.count + (sides(program) == 2 ? program.mix_begin : 0);
  for (int32_t item = thread; item < items << plan.image_bits; item += kThreads) {
    const int32_t image = item & ((1 << plan.image_bits) - 1);
    if (image >= tile.images) {
      continue;
    }
    const int32_t place = item >> plan.image_bits;
    const int32_t side = place >= program.count ? 1 : 0;
    const int32_t stage = place - side * program.count;
    const int32_t position = tile.position + image;
    Sample sample = batch_sample(params, position);
    if (side == 1) {
      const int32_t partner = obtain_partner(params, position, sample);
      if (partner < 0) {
        continue;
      }
      sample = partner_sample(params, partner);
    }
    block.of_image(params, plan, tile, image).draws[side][stage] =
        obtain_draw<kSimple>(params, position, side, stage, sample);
  }
}

// ---- resolve ------------------------------------------------------------------------------------

template <bool kSimple>
HOST_DEVICE void resolve_frame(const AugmentParams& params, const StageDraw* draws, int32_t row,
                               Frame& frame) {
  frame.image = row * params.image_stride;
  if constexpr (!kSimple) {
    const Program& program = params.program;
    frame.shifts_before_map = false;
    for (int32_t i = 0; i < program.map_begin; ++i) {
      frame.shifts_before_map |= draws[i].on && program.stages[i].kind == Kind::kShift;
    }
    int32_t x[2] = {0, 1};
    int32_t y[2] = {0, 1};
    if (!frame.shifts_before_map) {
      whole_sources(program, draws, 0, program.map_begin, 0, x);
      whole_sources(program, draws, 0, program.map_begin, 1, y);
    }
    frame.tap_first = x[0] * params.pixel_stride + y[0] * params.row_stride;
    frame.tap_pixel_stride = (x[1] - x[0]) * params.pixel_stride;
    frame.tap_row_stride = (y[1] - y[0]) * params.row_stride;
  }
}

// Each thread one side of one image. Colour stages up to `color_end` alone: a launch for means
// stops before its contrast.
template <bool kSimple>
HOST_DEVICE void resolve_images(const AugmentParams& params, const BlockPlan& plan, Tile tile,
                                int32_t thread, int32_t color_end, BlockShared<kSimple>& block) {
  const Program& program = params.program;
  const int32_t image = thread & ((1 << plan.image_bits) - 1);
  const int32_t s = thread >> plan.image_bits;
  if (image >= tile.images || s >= sides(program)) {
    return;
  }
  const ImageShare<kSimple> shared = block.of_image(params, plan, tile, image);
  const int32_t position = tile.position + image;
  const StageDraw* own_draws = shared.draws[0];
  const int32_t mix = applied_mix(program, own_draws);
  Sample sample;
  if (s == 0) {
    sample = batch_sample(params, position);
    shared.mixing = resolve_mixing(program, own_draws);
    if constexpr (!kSimple) {
      resolve_patches(program, own_draws, program.mix_end, program.count, shared.after);
    }
  } else if (mix >= 0) {
    sample = partner_sample(params, own_draws[mix].partner);
  } else {
    return;
  }
  resolve_shape<kSimple>(params, shared.draws[s], own_draws, sample.row, shared.side[s]);
  resolve_steps(params, shared.draws[s], color_end, position, s, shared.side[s]);
  resolve_frame<kSimple>(params, shared.draws[s], sample.row, shared.frame[s]);
}

// ---- tabulate -----------------------------------------------------------------------------------

// Offsets of the source columns (axis 0) or rows (axis 1) of a group of output coordinates from x
// on, or why they have none.
template <bool kSimple>
HOST_DEVICE void table_entries(const AugmentParams& params, const ImageShare<kSimple>& shared,
                               int32_t s, int32_t axis, int32_t x, int32_t (&entry)[kGroup]) {
  const Program& program = params.program;
  const auto& side = shared.side[s];
  const StageDraw* draws = shared.draws[s];
  bool is_whole = true;
  UNROLL
  for (int i = 0; i < kGroup; ++i) {
    entry[i] = x + i;
  }
  if constexpr (kSimple) {
    whole_sources(program, draws, 0, program.geometry_end, axis, entry);
  } else {
    is_whole = side.map.whole;
    whole_sources(program, draws, program.map_end, program.geometry_end, axis, entry);
    if (is_whole) {
      if (program.map_begin < program.map_end) {
        UNROLL
        for (int i = 0; i < kGroup; ++i) {
          entry[i] = whole_map_source(program, side.map, axis, entry[i]);
        }
      }
      whole_sources(program, draws, 0, program.map_begin, axis, entry);
    }
  }
  int32_t first = 0;
  int32_t last = axis == 0 ? params.out_width : params.out_height;
  if constexpr (kSimple) {
    first = axis == 0 ? side.keep.x0 : side.keep.y0;
    last = axis == 0 ? side.keep.x1 : side.keep.y1;
  }
  const int32_t stride = axis == 0 ? params.pixel_stride : params.row_stride;
  UNROLL
  for (int i = 0; i < kGroup; ++i) {
    const int32_t source = is_whole ? entry[i] * stride : entry[i];
    entry[i] = entry[i] == kOutside ? kFill : source;
    entry[i] = inside(x + i, first, last) ? entry[i] : kBlack;
  }
}

// The word of ImageShare::cut for the group at x.
HOST_DEVICE uint32_t cut_word(int32_t x, Box box) {
  uint32_t word = 0;
  for (int32_t i = 0; i < kGroup; ++i) {
    word |= inside(x + i, box.x0, box.x1) ? kCutPixel << kCutBits * i : 0u;
  }
  return word;
}

// A group of columns of one side of an image's tile.
template <bool kSimple>
HOST_DEVICE void tabulate_columns(const AugmentParams& params, Tile tile, int32_t group, int32_t s,
                                  const ImageShare<kSimple>& shared) {
  const int32_t x = tile.x + group * kGroup;
  int32_t entry[kGroup];
  table_entries(params, shared, s, 0, x, entry);
  const bool cuts = kSimple && shared.mixing.mix == Mix::kCut;
  const uint32_t cut = cuts ? cut_word(x, shared.mixing.box) : 0u;
  int32_t* columns = shared.column[s] + group * kGroup;
  if (cuts && s == 0) {
    shared.cut[group] = cut;
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      if ((cut & kCutPixel << kCutBits * i) == 0) {
        shared.column[1][group * kGroup + i] = entry[i];
      }
    }
  }
  UNROLL
  for (int i = 0; i < kGroup; ++i) {
    if (!cuts || s == 0 || (cut & kCutPixel << kCutBits * i) != 0) {
      columns[i] = entry[i];
    }
  }
}

template <bool kSimple>
HOST_DEVICE void tabulate_images(const AugmentParams& params, const BlockPlan& plan, Tile tile,
                                 int32_t thread, BlockShared<kSimple>& block) {
  const int32_t across = in_groups(tile.width);
  const int32_t parts = across + in_groups(tile.height);
  const int32_t items = sides(params.program) * parts << plan.image_bits;
  for (int32_t item = thread; item < items; item += kThreads) {
    const int32_t image = item & ((1 << plan.image_bits) - 1);
    const int32_t place = item >> plan.image_bits;
    const int32_t s = place >= parts ? 1 : 0;
    const int32_t part = place - s * parts;
    if (image >= tile.images) {
      continue;
    }
    const ImageShare<kSimple> shared = block.of_image(params, plan, tile, image);
    if (s == 1 && shared.mixing.mix == Mix::kNone) {
      continue;
    }
    if (part < across) {
      tabulate_columns(params, tile, part, s, shared);
      continue;
    }
    const int32_t y = (part - across) * kGroup;
    int32_t entry[kGroup];
    table_entries(params, shared, s, 1, tile.y + y, entry);
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      shared.row[s][y + i] = entry[i];
    }
  }
}

// ---- all of them --------------------------------------------------------------------------------

// Phases 0 to kParameterPhases - 1: the parameters of the block's images.
template <bool kSimple>
HOST_DEVICE void parameter_phase(const AugmentParams& params, const BlockPlan& plan, int phase, Tile tile,
                                 int32_t thread, int32_t color_end, BlockShared<kSimple>& block) {
  if (phase == 0) {
    draw_images(params, plan, tile, thread, block);
  } else if (phase == 1) {
    resolve_images(params, plan, tile, thread, color_end, block);
  } else {
    tabulate_images(params, plan, tile, thread, block);
  }
}

// The labels and shares of a block's samples; their first tile writes them.
template <bool kSimple>
HOST_DEVICE void write_block_targets(const AugmentParams& params, const BlockPlan& plan, Tile tile,
                                     int32_t thread, BlockShared<kSimple>& block) {
  if (thread < tile.images && tile.x == 0 && tile.y == 0) {
    const ImageShare<kSimple> shared = block.of_image(params, plan, tile, thread);
    const int32_t partner = shared.mixing.mix == Mix::kNone ? 0 : 1;
    write_targets(params, tile.position + thread, shared.side[0].row, shared.side[partner].row,
                  shared.mixing.lam);
  }
}

}  // namespace warpmix::augment
