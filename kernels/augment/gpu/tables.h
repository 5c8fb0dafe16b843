// The tables of a block's images: where the columns and rows of their tiles come from.
#pragma once

#include "../whole_pixels.h"
#include "block_memory.h"

namespace warpmix::augment {

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
    whole_sources<true>(program, draws, 0, program.geometry_end, axis, entry);
  } else {
    is_whole = side.map.whole;
    whole_sources<false>(program, draws, program.map_end, program.geometry_end, axis, entry);
    if (is_whole) {
      if (program.map_begin < program.map_end) {
        UNROLL
        for (int i = 0; i < kGroup; ++i) {
          entry[i] = whole_map_source(program, draws, side.map, axis, entry[i]);
        }
      }
      whole_sources<false>(program, draws, 0, program.map_begin, axis, entry);
    }
  }
  int32_t row_stride = params.row_stride;
  int32_t first = 0;
  int32_t last = axis == 0 ? params.out_width : params.out_height;
  if constexpr (kSimple) {
    first = axis == 0 ? side.keep.x0 : side.keep.y0;
    last = axis == 0 ? side.keep.x1 : side.keep.y1;
  } else {
    row_stride = shared.frame[s].row_stride;
  }
  const int32_t stride = axis == 0 ? params.pixel_stride : row_stride;
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

}  // namespace warpmix::augment
