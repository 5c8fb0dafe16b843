// From the StageDraws of a sample and of its mix partner to the few numbers that a pixel needs.
#pragma once

#include "color.h"
#include "map.h"

namespace warpmix::augment {

// One applied occlusion. kErasing: pixels in the box get `value`. kGridMask: x0, y0 are the grid's
// offsets, x1 its period and y1 the side of its black squares.
struct Patch {
  Kind kind;
  Box box;
  float value[3];  // of channels 0, 1, and 2 and above
};

struct Patches {
  int32_t count;
  Patch patch[kMaxSteps];  // later ones cover earlier ones
};

// One source image of an output sample: the sample's own (side 0) or its partner's (side 1).
struct Side {
  int32_t row;  // of the images
  Map map;
  int32_t steps;
  ColorStep step[kMaxSteps];  // the first changes nothing where there is none
  Patches patches;
  Box keep;  // black outside
};

enum class Mix : int32_t { kNone = 0, kCut = 1, kBlend = 2 };

struct Mixing {
  Mix mix;
  Box box;    // kCut: the partner's pixels
  float lam;  // own share
};

// ---- occlusion ----------------------------------------------------------------------------------

HOST_DEVICE Box intersection(Box a, Box b) {
  return {max_of(a.x0, b.x0), max_of(a.y0, b.y0), min_of(a.x1, b.x1), min_of(a.y1, b.y1)};
}

HOST_DEVICE Box kept_by(const Stage& stage, const StageDraw& draw) {
  const int32_t x = static_cast<int32_t>(draw.number[0]);
  const int32_t y = static_cast<int32_t>(draw.number[1]);
  return {x, y, stage.width - x, stage.height - y};
}

HOST_DEVICE Patch patch_of(const Stage& stage, const StageDraw& draw) {
  const bool erases = stage.kind != Kind::kGridMask;  // a cutout erases to black
  Patch patch = {erases ? Kind::kErasing : Kind::kGridMask, box_of(draw), {0.0f, 0.0f, 0.0f}};
  if (stage.kind == Kind::kErasing) {
    for (int c = 0; c < 3; ++c) {
      patch.value[c] = stage.number[4 + c];
    }
  }
  return patch;
}

// Black borders cover what was erased before them: those boxes shrink, so that all borders can be
// painted first, and the patches over them.
HOST_DEVICE void cover(Patches& patches, Box keep) {
  for (int32_t i = 0; i < patches.count; ++i) {
    if (patches.patch[i].kind == Kind::kErasing) {
      patches.patch[i].box = intersection(patches.patch[i].box, keep);
    }
  }
}

// Occlusions [begin, end).
HOST_DEVICE void resolve_patches(const Program& program, const StageDraw* draws, int32_t begin,
                                 int32_t end, Patches& patches) {
  patches.count = 0;
  for (int32_t i = begin; i < end; ++i) {
    if (!draws[i].on) {
      continue;
    }
    if (program.stages[i].kind == Kind::kCropBlackout) {
      cover(patches, kept_by(program.stages[i], draws[i]));
    } else {
      patches.patch[patches.count++] = patch_of(program.stages[i], draws[i]);
    }
  }
}

// `post` are the sample's own draws: black borders after the mix blacken both sides alike, since
// 0·λ + 0·(1-λ) = 0.
HOST_DEVICE Box resolve_keep(const AugmentParams& params, const StageDraw* draws,
                             const StageDraw* post) {
  const Program& program = params.program;
  Box keep = {0, 0, params.out_width, params.out_height};
  for (int32_t i = program.color_end; i < program.count; ++i) {
    const StageDraw& draw = i < program.mix_begin ? draws[i] : post[i];
    if (draw.on && program.stages[i].kind == Kind::kCropBlackout) {
      keep = intersection(keep, kept_by(program.stages[i], draw));
    }
  }
  return keep;
}

// ---- colour -------------------------------------------------------------------------------------

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

HOST_DEVICE int32_t pivot_pixels(const AugmentParams& params, const Stage& stage) {
  return stage.mean == kSourceMean ? params.width * params.height : stage.width * stage.height;
}

// Colour stages [geometry_end, end).
HOST_DEVICE void resolve_steps(const AugmentParams& params, const StageDraw* draws, int32_t end,
                               int32_t position, int32_t s, Side& side) {
  side.steps = 0;
  set_no_step(params.channels, side.step[0]);
  for (int32_t i = params.program.geometry_end; i < end; ++i) {
    if (draws[i].on) {
      const Stage& stage = params.program.stages[i];
      set_step(stage, draws[i], pivot_sums(params, stage, position, s, side.row), params.channels,
               pivot_pixels(params, stage), side.step[side.steps++]);
    }
  }
}

// ---- a whole side -------------------------------------------------------------------------------

// All but its colour steps. kSimple: of a program that is_simple.
template <bool kSimple>
HOST_DEVICE void resolve_shape(const AugmentParams& params, const StageDraw* draws,
                               const StageDraw* post, int32_t row, Side& side) {
  const Program& program = params.program;
  side.row = row;
  side.keep = resolve_keep(params, draws, post);
  if constexpr (!kSimple) {
    side.map = resolve_map(program, draws);
    resolve_patches(program, draws, program.color_end, program.mix_begin, side.patches);
    for (int32_t i = program.mix_end; i < program.count; ++i) {
      if (post[i].on && program.stages[i].kind == Kind::kCropBlackout) {
        cover(side.patches, kept_by(program.stages[i], post[i]));
      }
    }
  }
}

HOST_DEVICE Mixing resolve_mixing(const Program& program, const StageDraw* draws) {
  const int32_t index = applied_mix(program, draws);
  if (index < 0) {
    return {Mix::kNone, {0, 0, 0, 0}, 1.0f};
  }
  const StageDraw& draw = draws[index];
  if (program.stages[index].kind == Kind::kCutMix) {
    return {Mix::kCut, box_of(draw), draw.number[4]};
  }
  return {Mix::kBlend, {0, 0, 0, 0}, draw.number[0]};
}

HOST_DEVICE void write_targets(const AugmentParams& params, int32_t position, int32_t own_row,
                               int32_t partner_row, float lam) {
  params.pair[position] = params.labels ? params.labels[own_row] : own_row;
  params.pair[params.batch_size + position] =
      params.labels ? params.labels[partner_row] : partner_row;
  params.lam[position] = lam;
}

}  // namespace warpmix::augment
