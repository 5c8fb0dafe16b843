#include "guards.h"

#include "augment/draw.h"
#include "numbers.h"

namespace warpmix {
namespace {

using augment::AugmentParams;
using augment::Interpolation;
using augment::Kind;
using augment::KindInfo;
using augment::Program;
using augment::StageDraw;

void require_size(const Numbers& numbers, int32_t width, int32_t height) {
  numbers.require("width", width, 1, augment::kMaxPixels);
  numbers.require("height", height, 1, augment::kMaxPixels);
  numbers.require("number of pixels", int64_t{width} * height, 1, augment::kMaxPixels);
}

// A shift that is part of a map may be of any length: the map's coordinates are folded as often as
// it takes.
void require_shift(const Numbers& numbers, const char* name, Reach reach, bool in_map,
                   int64_t shift) {
  numbers.require(name, shift, in_map ? -kMost : reach.low, in_map ? kMost : reach.high);
}

// Of images of sizes of their own; the rest is checked for each of them (require_reach).
void require_mixed_stage(const Numbers& numbers, const Stage& stage, bool in_map) {
  const bool is_shift = stage.kind == Kind::kShift;
  const bool resamples = augment::has_trait(stage.kind, augment::trait::kResamples);
  const bool flips = augment::has_trait(stage.kind, augment::trait::kPermutes);
  numbers.require("place in a list for images of one size",
                  resamples != in_map || !(resamples || is_shift || flips), 0, 0);
  if (resamples) {
    const augment::ResizedCropStage& crop = stage.resized_crop;
    numbers.require(crop.interpolation, Interpolation::kBilinear, Interpolation::kRandom);
    if (crop.out_height > 0) {
      return require_size(numbers, crop.out_width, crop.out_height);
    }
    numbers.require("shorter side", crop.out_width, crop.out_height == 0 ? 1 : 0,
                    augment::kMaxSide);
    numbers.require("longer side", -int64_t{crop.out_height}, 0, augment::kMaxSide);
  }
  if (is_shift) {
    require_size(numbers, stage.shift.out_width, stage.shift.out_height);
    numbers.require("low_x", stage.shift.low_x, -kMost, kMost);
    numbers.require("low_y", stage.shift.low_y, -kMost, kMost);
    numbers.require("count_x", stage.shift.count_x, -kMost, kMost);
    numbers.require("count_y", stage.shift.count_y, -kMost, kMost);
  }
}

void require_stage(const Numbers& numbers, const Stage& stage, bool in_map) {
  numbers.require_finite(augment::info_of(stage.kind).stage, stage.word);
  if (stage.width == 0 && stage.height == 0) {
    return require_mixed_stage(numbers, stage, in_map);
  }
  require_size(numbers, stage.width, stage.height);
  switch (stage.kind) {
    case Kind::kShift: {
      const augment::ShiftStage& shift = stage.shift;
      require_size(numbers, shift.out_width, shift.out_height);
      const Reach across = reach_of(shift.border, stage.width, shift.out_width);
      const Reach down = reach_of(shift.border, stage.height, shift.out_height);
      numbers.require("count_x", shift.count_x, 1, 2 * kMost);
      numbers.require("count_y", shift.count_y, 1, 2 * kMost);
      require_shift(numbers, "low_x", across, in_map, shift.low_x);
      require_shift(numbers, "low_y", down, in_map, shift.low_y);
      require_shift(numbers, "last x", across, in_map, int64_t{shift.low_x} + shift.count_x - 1);
      require_shift(numbers, "last y", down, in_map, int64_t{shift.low_y} + shift.count_y - 1);
      if (shift.out_width != stage.width || shift.out_height != stage.height) {
        require_shift(numbers, "center_x", across, in_map, shift.center_x);
        require_shift(numbers, "center_y", down, in_map, shift.center_y);
      }
      return;
    }
    case Kind::kAffine:
      numbers.require("max_x", stage.affine.max_x, 0, kMost);
      numbers.require("max_y", stage.affine.max_y, 0, kMost);
      return numbers.require(stage.affine.interpolation, Interpolation::kBilinear,
                             Interpolation::kBicubic);
    case Kind::kResample:
      numbers.require(stage.resized_crop.interpolation, Interpolation::kBilinear,
                      Interpolation::kRandom);
      [[fallthrough]];
    case Kind::kResizedCrop:
      return require_size(numbers, stage.resized_crop.out_width, stage.resized_crop.out_height);
    case Kind::kPosterize:
      return numbers.require("step", stage.posterize.step, 1, 256);
    case Kind::kCropBlackout:
      numbers.require("max_x", stage.crop_blackout.max_x, 0, stage.width);
      return numbers.require("max_y", stage.crop_blackout.max_y, 0, stage.height);
    case Kind::kCutout: {
      const bool overhang = stage.cutout.overhang != 0;
      numbers.require("cut_width", stage.cutout.cut_width, 0, overhang ? kMost : stage.width);
      return numbers.require("cut_height", stage.cutout.cut_height, 0,
                             overhang ? kMost : stage.height);
    }
    case Kind::kGridMask:
      numbers.require("period_low", stage.grid_mask.period_low, 1, kMost);
      numbers.require("period_count", stage.grid_mask.period_count, 1, kMost);
      return numbers.require("kept", stage.grid_mask.kept, 0, 1);
    default:  // any finite number
      return require_whole_image_stage(numbers, stage);
  }
}

void require_draw(const Numbers& numbers, const AugmentParams& params, const Stage& stage,
                  bool in_map, const StageDraw& draw) {
  numbers.require("on", draw.on, 0, 1);
  if (draw.on == 0) {
    return;
  }
  numbers.require_finite(augment::info_of(stage.kind).draw,
                         reinterpret_cast<const uint32_t*>(draw.word));
  if (stage.section == augment::Section::kMix) {
    const int32_t pool = params.from_batch ? params.batch_size : params.image_count;
    numbers.require("partner", draw.partner, 0, pool - 1);
  }
  switch (stage.kind) {
    case Kind::kShift: {
      const augment::ShiftStage& shift = stage.shift;
      require_shift(numbers, "dx", reach_of(shift.border, stage.width, shift.out_width), in_map,
                    draw.shift.dx);
      return require_shift(numbers, "dy", reach_of(shift.border, stage.height, shift.out_height),
                           in_map, draw.shift.dy);
    }
    case Kind::kAffine:
      numbers.require("dx", draw.affine.dx, -kMost, kMost);
      return numbers.require("dy", draw.affine.dy, -kMost, kMost);
    case Kind::kResample:  // of at least one pixel
      if (stage.resized_crop.interpolation == Interpolation::kRandom) {
        numbers.require(draw.interpolation, Interpolation::kBilinear, Interpolation::kBicubic);
      }
      numbers.require_box(draw.box);
      numbers.require("x1", draw.box.x1, draw.box.x0 + 1, stage.width);
      return numbers.require("y1", draw.box.y1, draw.box.y0 + 1, stage.height);
    case Kind::kResizedCrop:
    case Kind::kCutout:
      return numbers.require_box(draw.box);
    case Kind::kErasing:
      return numbers.require_box(draw.erasing.box);
    case Kind::kCropBlackout:
      numbers.require("border_x", draw.crop_blackout.border_x, 0, stage.width);
      return numbers.require("border_y", draw.crop_blackout.border_y, 0, stage.height);
    case Kind::kGridMask: {
      const augment::GridMaskDraw& grid = draw.grid_mask;
      numbers.require("period", grid.period, 1, 2 * kMost);
      numbers.require("square", grid.square, 0, grid.period);
      numbers.require("offset_x", grid.offset_x, 0, grid.period - 1);
      return numbers.require("offset_y", grid.offset_y, 0, grid.period - 1);
    }
    case Kind::kCutMix:
      numbers.require_box(draw.cutmix.box);
      return numbers.require("lam", draw.cutmix.lam, 0, 1);
    case Kind::kMixUp:
      return numbers.require("lam", draw.mixup.lam, 0, 1);
    default:
      return require_whole_image_draw(numbers, stage, draw);
  }
}

// All slots of a sample say the same of it, and those of a chain of the chain.
void require_link(const Numbers& numbers, const StageDraw& draw, const StageDraw& first,
                  const StageDraw& chain) {
  numbers.require("on", draw.on, first.on, first.on);
  if (draw.on != 0) {
    numbers.require("depth", draw.augmix.depth, chain.augmix.depth, chain.augmix.depth);
    numbers.require("share", draw.augmix.share, chain.augmix.share, chain.augmix.share);
  }
}

// The row of the image that the draws in `slot` are for.
int64_t row_of(const AugmentParams& params, int64_t slot) {
  const int32_t sides = augment::sides(params.program);
  const int64_t image = slot / params.program.count;
  const int32_t position = static_cast<int32_t>(image / sides);
  const auto row_at = [&](int64_t b) { return params.index != nullptr ? params.index[b] : b; };
  if (image % sides == 0) {
    return row_at(position);
  }
  const auto* own = reinterpret_cast<const StageDraw*>(params.draws) +
                    int64_t{position} * sides * params.program.count;
  const int32_t mix = augment::applied_mix(params.program, own);
  const int32_t partner = mix < 0 ? position : own[mix].partner;
  return mix < 0 || params.from_batch ? row_at(partner) : partner;
}

bool in_map(const Program& program, int32_t stage) {
  return stage >= program.map_begin && stage < program.map_end;
}

}  // namespace

void require_stage_numbers(const char* op, const Program& program) {
  for (int32_t i = 0; i < program.count; ++i) {
    const Stage& stage = program.stages[i];
    require_stage({op, "program", stage}, stage, in_map(program, i));
  }
}

void require_samples(const char* op, const AugmentParams& params) {
  for (int32_t b = 0; params.index != nullptr && b < params.batch_size; ++b) {
    WARPMIX_CHECK(op, params.index[b] >= 0 && params.index[b] < params.image_count,
                  "index must be in [0, ", params.image_count, "), got ", params.index[b]);
  }
  if (params.sizes != nullptr) {
    require_crops(op, params);
  }
  const Program& program = params.program;
  const int64_t slots =
      static_cast<int64_t>(params.batch_size) * augment::sides(program) * program.count;
  const auto* draws = reinterpret_cast<const StageDraw*>(params.draws);
  for (int64_t slot = 0; draws != nullptr && slot < slots; ++slot) {
    const int32_t i = static_cast<int32_t>(slot % program.count);
    const bool is_mixed = program.stages[i].width == 0;
    const Stage stage =
        is_mixed ? of_image(op, params, i, row_of(params, slot)) : program.stages[i];
    const Numbers numbers(op, "draws", stage);
    require_draw(numbers, params, stage, in_map(program, i), draws[slot]);
    if (stage.kind == Kind::kAugMix) {
      require_link(numbers, draws[slot], draws[slot - i], draws[slot - stage.augmix.slot]);
    }
  }
}

}  // namespace warpmix
