// From the StageDraws of a sample and of its mix partner to the few numbers that a pixel needs.
#pragma once

#include "draw.h"
#include "resample.h"

namespace warpmix::augment {

// One source image of an output sample: the sample's own (side 0) or its partner's (side 1).
struct Side {
  int32_t row;  // of the images
  Map map;
  Resampling resampling;
  int32_t steps;
  ColorStep step[kMaxSteps];  // the first changes nothing where there is none
  Patches patches;
  Box keep;  // black outside
};

// What a simple program's kernel needs of it.
struct SimpleSide {
  int32_t row;
  int32_t steps;  // 0 or 1
  ColorStep step[1];
  Box keep;
};

// ---- its colour steps ---------------------------------------------------------------------------

// The sums that a contrast stage's pivot is made of, of the sample at `position` or its partner.
HOST_DEVICE const int64_t* pivot_sums(const AugmentParams& params, const Stage& stage,
                                      int32_t position, int32_t side, int32_t row) {
  if (stage.mean == kSourceMean) {
    return params.sums + static_cast<int64_t>(row) * params.channels;
  }
  const int64_t slot =
      (static_cast<int64_t>(position) * sides(params.program) + side) * params.program.means +
      stage.mean;
  return params.entering + slot * params.channels;
}

// kSimple: of a program that is_simple, whose images have one size.
template <bool kSimple>
HOST_DEVICE int32_t pivot_pixels(const AugmentParams& params, const Stage& stage, int32_t row) {
  if (stage.mean != kSourceMean) {
    return stage.width * stage.height;
  }
  if constexpr (kSimple) {
    return params.width * params.height;
  }
  return pixels_of(source_image(params, row).extent);
}

// Colour stages [geometry_end, end). AnySide: Side or SimpleSide.
template <typename AnySide>
HOST_DEVICE void resolve_steps(const AugmentParams& params, const StageDraw* draws, int32_t end,
                               int32_t position, int32_t s, AnySide& side) {
  side.steps = 0;
  set_no_step(params.channels, side.step[0]);
  for (int32_t i = params.program.geometry_end; i < end; ++i) {
    if (draws[i].on) {
      const Stage& stage = params.program.stages[i];
      set_step(stage, draws[i], pivot_sums(params, stage, position, s, side.row), params.channels,
               pivot_pixels<std::is_same_v<AnySide, SimpleSide>>(params, stage, side.row),
               side.step[side.steps++]);
    }
  }
}

// ---- a whole side -------------------------------------------------------------------------------

// All but its colour steps. kSimple: of a program that is_simple.
template <bool kSimple, typename AnySide>
HOST_DEVICE void resolve_shape(const AugmentParams& params, const StageDraw* draws,
                               const StageDraw* post, int32_t row, AnySide& side) {
  const Program& program = params.program;
  side.row = row;
  side.keep = resolve_keep(params, draws, post);
  if constexpr (!kSimple) {
    side.map = resolve_map(program, draws);
    side.resampling = resolve_resampling(program, draws);
    resolve_patches(program, draws, program.color_end, program.mix_begin, side.patches);
    for (int32_t i = program.mix_end; i < program.count; ++i) {
      if (post[i].on && program.stages[i].kind == Kind::kCropBlackout) {
        cover(side.patches, kept_by(program.stages[i], post[i].crop_blackout));
      }
    }
  }
}

HOST_DEVICE void write_targets(const AugmentParams& params, int32_t position, int32_t own_row,
                               int32_t partner_row, float lam) {
  params.pair[position] = params.labels ? params.labels[own_row] : own_row;
  params.pair[params.batch_size + position] =
      params.labels ? params.labels[partner_row] : partner_row;
  params.lam[position] = lam;
}

}  // namespace warpmix::augment
