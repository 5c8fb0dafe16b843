#include "guards.h"

#include <cmath>
#include <type_traits>

#include "augment/mix.h"
#include "augment/policy.h"
#include "checks.h"

namespace warpmix {
namespace {

using augment::AugmentParams;
using augment::Border;
using augment::Box;
using augment::Field;
using augment::Fields;
using augment::FieldType;
using augment::Kind;
using augment::KindInfo;
using augment::Program;
using augment::Stage;
using augment::StageDraw;

constexpr float kLeastSigma = 0.001f;  // below, a blur changes nothing
constexpr int64_t kMost = 1 << 22;     // pixels that a stage moves by; kFar in augment/sampling.h

// A shift and its bounds.
struct Reach {
  int64_t low, high;
};

// Shifts along an axis after which a window of `out` pixels of an image of `size` has its sources
// where the border brings them back by folding once (shifted_source in augment/whole_pixels.h).
Reach reach_of(Border border, int32_t size, int32_t out) {
  switch (border) {
    case Border::kWrap:
    case Border::kSymmetric:
      return {out - int64_t{2} * size, size};
    case Border::kReflect:
      return {out - 1 - int64_t{2} * (size - 1), size - 1};
    case Border::kReplicate:
    case Border::kConstant:
      break;
  }
  return {-kMost, kMost};
}

template <typename T>
using Bound = std::conditional_t<std::is_integral_v<T>, int64_t, float>;

// Checks the numbers of one stage, or of one draw, and names them where they do not fit.
class Numbers {
 public:
  Numbers(const char* op, const char* what, const Stage& stage)
      : op_(op), what_(what), stage_(stage), kind_(augment::info_of(stage.kind).name) {}

  // Whole numbers are compared, and printed, as such.
  template <typename T>
  void require(const char* number, T value, Bound<T> low, Bound<T> high) const {
    WARPMIX_CHECK(op_, value >= low && value <= high, what_, " must hold for ", kind_, " of ",
                  stage_.height, " x ", stage_.width, " pixels a ", number, " in [", low, ", ",
                  high, "], got ", value);
  }

  void require_finite(const Fields& fields, const uint32_t* words) const {
    for (const Field& field : fields) {
      for (int32_t i = 0; field.name != nullptr && i < field.count; ++i) {
        const float value = float_from_bits(words[field.place + i]);
        WARPMIX_CHECK(op_, field.type != FieldType::kFloat || std::isfinite(value), what_,
                      " must hold for ", kind_, " a finite ", field.name, ", got ", value);
      }
    }
  }

  void require_box(const Box& box) const {
    require("x0", box.x0, 0, stage_.width);
    require("y0", box.y0, 0, stage_.height);
    require("x1", box.x1, box.x0, stage_.width);
    require("y1", box.y1, box.y0, stage_.height);
  }

 private:
  const char* op_;
  const char* what_;
  const Stage& stage_;
  const char* kind_;
};

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

void require_policy(const Numbers& numbers, const augment::PolicyStage& policy) {
  numbers.require("bins", policy.bins, 2, augment::kRandomBin);
  numbers.require("count", policy.count, 1, augment::kMaxPolicyEntries);
  numbers.require("max_x", policy.max_x, 0, kMost);
  numbers.require("max_y", policy.max_y, 0, kMost);
  for (int32_t i = 0; i < policy.count; ++i) {
    const int32_t operation = static_cast<int32_t>(augment::policy_entry(policy, i).operation);
    numbers.require("operation", operation, 0, std::size(augment::kPolicyOpNames) - 1);
  }
}

void require_stage(const Numbers& numbers, const Stage& stage, bool in_map) {
  numbers.require_finite(augment::info_of(stage.kind).stage, stage.word);
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
      return;
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
    case Kind::kPolicy:
      return require_policy(numbers, stage.policy);
    case Kind::kGridMask:
      numbers.require("period_low", stage.grid_mask.period_low, 1, kMost);
      numbers.require("period_count", stage.grid_mask.period_count, 1, kMost);
      return numbers.require("kept", stage.grid_mask.kept, 0, 1);
    case Kind::kGaussianBlur: {
      const augment::BlurStage& blur = stage.blur;
      const int32_t most = augment::kMaxBlurRadius;
      numbers.require("sigma_low", blur.sigma_low, kLeastSigma, kMost);
      numbers.require("sigma_span", blur.sigma_span, 0, kMost);
      numbers.require("radius_x", blur.radius_x, 0, min_of(most, stage.width - 1));
      return numbers.require("radius_y", blur.radius_y, 0, min_of(most, stage.height - 1));
    }
    default:
      return;  // any finite number
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
    case Kind::kPolicy:
      numbers.require("operation", static_cast<int32_t>(draw.policy.operation), 0,
                      std::size(augment::kPolicyOpNames) - 1);
      return numbers.require("magnitude", draw.policy.magnitude, -kMost, kMost);
    case Kind::kCutMix:
      numbers.require_box(draw.cutmix.box);
      return numbers.require("lam", draw.cutmix.lam, 0, 1);
    case Kind::kMixUp:
      return numbers.require("lam", draw.mixup.lam, 0, 1);
    case Kind::kGaussianBlur:
      return numbers.require("sigma", draw.blur.sigma, kLeastSigma, kMost);
    default:
      return;
  }
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
  const Program& program = params.program;
  const int64_t slots =
      static_cast<int64_t>(params.batch_size) * augment::sides(program) * program.count;
  const auto* draws = reinterpret_cast<const StageDraw*>(params.draws);
  for (int64_t slot = 0; draws != nullptr && slot < slots; ++slot) {
    const int32_t i = static_cast<int32_t>(slot % program.count);
    const Stage& stage = program.stages[i];
    require_draw({op, "draws", stage}, params, stage, in_map(program, i), draws[slot]);
  }
}

}  // namespace warpmix
