// The guards of whole-image stages.
#include "augment/draw.h"
#include "numbers.h"

namespace warpmix {

using augment::Interpolation;
using augment::Kind;
using augment::StageDraw;

namespace {

constexpr float kLeastAlpha = 1e-3f;   // below, a share is 0 or 1
constexpr float kLeastSigma = 0.001f;  // below, a blur changes nothing

void require_policy(const Numbers& numbers, const augment::PolicyStage& policy) {
  numbers.require("bins", policy.bins, 2, augment::kRandomBin);
  numbers.require("count", policy.count, 1, augment::kMaxPolicyEntries);
  numbers.require("max_x", policy.max_x, 0, kMost);
  numbers.require("max_y", policy.max_y, 0, kMost);
  numbers.require(policy.interpolation, Interpolation::kNearest, Interpolation::kBicubic);
  for (int32_t i = 0; i < policy.count; ++i) {
    const int32_t operation = static_cast<int32_t>(augment::policy_entry(policy, i).operation);
    numbers.require("operation", operation, 0, std::size(augment::kPolicyOpNames) - 1);
  }
}

void require_timm_policy(const Numbers& numbers, const augment::TimmPolicyStage& policy) {
  numbers.require("increases", policy.increases, 0, 1);
  numbers.require("probability", policy.probability, 0, 1);
  numbers.require("level", policy.level, 0, kMost);
  numbers.require("sigma", policy.sigma, 0, kMost);
  numbers.require("is_uniform", policy.is_uniform, 0, 1);
  numbers.require("highest", policy.highest, 0, kMost);
  numbers.require(policy.interpolation, Interpolation::kNearest, Interpolation::kRandom);
}

// A draw's points have 16 bits a coordinate.
void require_perspective(const Numbers& numbers, const Stage& stage) {
  numbers.require("width", stage.width, 1, augment::kMaxSide);
  numbers.require("height", stage.height, 1, augment::kMaxSide);
  numbers.require("reach_x", stage.perspective.reach_x, 1, stage.width);
  numbers.require("reach_y", stage.perspective.reach_y, 1, stage.height);
  numbers.require(stage.perspective.interpolation, Interpolation::kNearest,
                  Interpolation::kBicubic);
}

void require_operation(const Numbers& numbers, augment::PolicyDraw draw) {
  numbers.require("operation", static_cast<int32_t>(draw.operation), 0,
                  std::size(augment::kPolicyOpNames) - 1);
  numbers.require("magnitude", draw.magnitude, -kMost, kMost);
}

}  // namespace

void require_whole_image_stage(const Numbers& numbers, const Stage& stage) {
  switch (stage.kind) {
    case Kind::kPolicy:
      return require_policy(numbers, stage.policy);
    case Kind::kTimmPolicy:
      return require_timm_policy(numbers, stage.timm_policy);
    case Kind::kGaussianBlur: {
      const augment::BlurStage& blur = stage.blur;
      const int32_t most = augment::kMaxBlurRadius;
      numbers.require("sigma_low", blur.sigma_low, kLeastSigma, kMost);
      numbers.require("sigma_span", blur.sigma_span, 0, kMost);
      numbers.require("radius_x", blur.radius_x, 0, min_of(most, stage.width - 1));
      return numbers.require("radius_y", blur.radius_y, 0, min_of(most, stage.height - 1));
    }
    case Kind::kPerspective:
      return require_perspective(numbers, stage);
    case Kind::kAugMix:
      numbers.require("draws_depth", stage.augmix.draws_depth, 0, 1);
      numbers.require("all_ops", stage.augmix.all_ops, 0, 1);
      numbers.require("severity", stage.augmix.severity, 1, 10);
      numbers.require("alpha", stage.augmix.alpha, kLeastAlpha, kMost);
      numbers.require("max_x", stage.augmix.max_x, 0, kMost);
      numbers.require("max_y", stage.augmix.max_y, 0, kMost);
      return numbers.require(stage.augmix.interpolation, Interpolation::kNearest,
                             Interpolation::kBicubic);
    default:
      return;
  }
}

void require_whole_image_draw(const Numbers& numbers, const Stage& stage, const StageDraw& draw) {
  switch (stage.kind) {
    case Kind::kAugMix:
      numbers.require("share", draw.augmix.share, 0, 1);
      numbers.require("own", draw.augmix.own, 0, 1);
      numbers.require("depth", draw.augmix.depth, 1, stage.augmix.slots);
      return require_operation(numbers, {draw.augmix.operation, draw.augmix.magnitude});
    case Kind::kTimmPolicy:
      numbers.require(draw.policy.interpolation, Interpolation::kNearest, Interpolation::kBicubic);
      return require_operation(numbers, draw.policy);
    case Kind::kPolicy:
      return require_operation(numbers, draw.policy);
    case Kind::kPerspective: {
      const augment::PerspectiveDraw& corners = draw.perspective;
      for (const augment::Point point :
           {corners.top_left, corners.top_right, corners.bottom_right, corners.bottom_left}) {
        numbers.require("x", int32_t{point.x}, 0, stage.width - 1);
        numbers.require("y", int32_t{point.y}, 0, stage.height - 1);
      }
      return;
    }
    case Kind::kGaussianBlur:
      return numbers.require("sigma", draw.blur.sigma, kLeastSigma, kMost);
    default:
      return;
  }
}

}  // namespace warpmix
