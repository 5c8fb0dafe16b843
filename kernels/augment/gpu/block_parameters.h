// The parameters of a block's images, in phases that every thread of the block finishes before any
// starts the next: draw, resolve, tabulate. Threads share them out: a (stage, image) each, an image
// each, a group of columns or rows each.
#pragma once

#include "../whole_pixels.h"
#include "tables.h"

namespace warpmix::augment {

constexpr int kParameterPhases = 3;

// ---- draw ---------------------------------------------------------------------------------------

// Each thread one stage of one image: of the sample itself, or of its partner up to the mix. All
// begin at once, the partner's by drawing who it is. Threads side by side have the same stage of
// different images, so that a warp does the work of few kinds of stages.
template <bool kSimple>
HOST_DEVICE void draw_images(const AugmentParams& params, const BlockPlan& plan, Tile tile,
                             int32_t thread, BlockShared<kSimple>& block) {
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

HOST_DEVICE void resolve_splits(Tile tile, const Mixing& mixing, SplitGroups& splits) {
  const Box& box = mixing.box;
  splits.first = (box.x0 - tile.x) / kGroup;
  splits.second = (box.x1 - tile.x) / kGroup;
  splits.top = max_of(box.y0 - tile.y, 0);
  splits.rows = max_of(min_of(box.y1 - tile.y, tile.height) - splits.top, 0);
  const int32_t columns = splits.first == splits.second ? 1 : 2;
  splits.count = mixing.mix == Mix::kCut ? columns * splits.rows : 0;
}

// Whether images of three bytes a pixel lie without gaps, and the 8 bytes round each of this one's
// are the images'.
HOST_DEVICE bool has_pairs(const AugmentParams& params, const SourceImage& image) {
  const int64_t size = static_cast<int64_t>(image.extent.height) * image.row_stride;
  const bool is_dense = params.channels == 3 && params.channel_stride == 1 &&
                        params.pixel_stride == 3 && image.row_stride == 3 * image.extent.width &&
                        (is_mixed(params) || params.image_stride == size);
  const int64_t total =
      is_mixed(params) ? params.pixel_count * 3 : params.image_count * params.image_stride;
  const int64_t below = reinterpret_cast<uintptr_t>(params.images) % 8;  // bytes to an address
  const int64_t begin = (below + image.first) / 8 * 8;                   // that divides by 8
  const int64_t end = ceil_div<int64_t>(below + image.first + size, 8) * 8;
  return is_dense && image.extent.width > 1 && begin >= below && end <= below + total;
}

template <bool kSimple>
HOST_DEVICE void resolve_frame(const AugmentParams& params, const BlockPlan& plan,
                               const StageDraw* draws, int32_t row, Frame& frame) {
  if constexpr (kSimple) {
    frame.image = row * params.image_stride;
  } else {
    const SourceImage source = source_image(params, row);
    frame.image = source.first;
    frame.row_stride = source.row_stride;
    const Program& program = params.program;
    frame.shifts_before_map = false;
    for (int32_t i = 0; i < program.map_begin; ++i) {
      frame.shifts_before_map |= draws[i].on && program.stages[i].kind == Kind::kShift;
    }
    int32_t x[2] = {0, 1};
    int32_t y[2] = {0, 1};
    if (!frame.shifts_before_map) {
      whole_sources<false>(program, draws, 0, program.map_begin, 0, x);
      whole_sources<false>(program, draws, 0, program.map_begin, 1, y);
    }
    frame.tap_first = x[0] * params.pixel_stride + y[0] * source.row_stride;
    frame.tap_pixel_stride = (x[1] - x[0]) * params.pixel_stride;
    frame.tap_row_stride = (y[1] - y[0]) * source.row_stride;
    const bool clamps =
        plan.across_fold.clamps && plan.down_fold.clamps && !frame.shifts_before_map;
    const bool is_wide = plan.across_fold.size > 1;  // not a column; and of one size
    frame.taps = !clamps                                ? TapKind::kAny
                 : is_wide && has_pairs(params, source) ? TapKind::kPairs
                                                        : TapKind::kClamped;
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
    shared.first =
        position * params.out_image_stride + tile.y * params.out_row_stride +
        tile.x * params.out_pixel_stride;  // within an image 32 bits are enough: see kFill
    if constexpr (!kSimple) {
      resolve_patches(program, own_draws, program.mix_end, program.count, shared.after);
      resolve_splits(tile, shared.mixing, shared.splits);
    }
  } else if (mix >= 0) {
    sample = partner_sample(params, own_draws[mix].partner);
  } else {
    return;
  }
  resolve_shape<kSimple>(params, shared.draws[s], own_draws, sample.row, shared.side[s]);
  resolve_steps(params, shared.draws[s], color_end, position, s, shared.side[s]);
  resolve_frame<kSimple>(params, plan, shared.draws[s], sample.row, shared.frame[s]);
}

// ---- all of them --------------------------------------------------------------------------------

// Phases 0 to kParameterPhases - 1: the parameters of the block's images.
template <bool kSimple>
HOST_DEVICE void parameter_phase(const AugmentParams& params, const BlockPlan& plan, int phase,
                                 Tile tile, int32_t thread, int32_t color_end,
                                 BlockShared<kSimple>& block) {
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
