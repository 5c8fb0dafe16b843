// timm's RandAugment (timm/data/auto_augment.py): fifteen operations, and levels from 0 to 10 and
// beyond, of which each sample may have its own.
#pragma once

#include "normal.h"
#include "policy.h"

namespace warpmix::augment {

constexpr uint32_t kLevelBlock = 64;  // blocks of the stream with the slots' levels, behind the
                                      // slots' own
constexpr int32_t kTimmOps = 15;

// timm's argument of an operation, as torchvision has it where that has the operation: a factor
// less 1, a threshold over 255; 0 for operations without one.
HOST_DEVICE float timm_magnitude(bool increases, PolicyOp operation, float level, bool negative) {
  const float share = level / 10.0f;
  const float sign = negative ? -1.0f : 1.0f;
  switch (operation) {
    case PolicyOp::kShearX:
    case PolicyOp::kShearY:
      return sign * (0.3f * share);
    case PolicyOp::kTranslateXRel:
    case PolicyOp::kTranslateYRel:
      return sign * (0.45f * share);
    case PolicyOp::kRotate:
      return sign * (30.0f * share);
    case PolicyOp::kBrightness:
    case PolicyOp::kColor:
    case PolicyOp::kContrast:
    case PolicyOp::kSharpness:
      return increases ? at_least(sign * (0.9f * share), -0.9f) : 1.8f * share - 0.9f;
    case PolicyOp::kPosterize: {
      const float bits = truncf(4.0f * share);
      return increases ? 4.0f - bits : bits;
    }
    case PolicyOp::kSolarize: {
      const float threshold = at_most(truncf(256.0f * share), 256.0f);
      return (increases ? 256.0f - threshold : threshold) / 255.0f;
    }
    case PolicyOp::kSolarizeAdd:
      return at_most(truncf(11.0f * level), 128.0f);
    default:
      return 0.0f;
  }
}

// That of a sample: its normal or uniform noise is in it.
HOST_DEVICE float timm_level(const AugmentParams& params, const Stage& stage, int64_t id) {
  const TimmPolicyStage& policy = stage.timm_policy;
  float level = policy.level;
  if (policy.is_uniform != 0 || policy.sigma > 0.0f) {
    const Philox4 words =
        random_words(params, id, stage.stream, kLevelBlock + static_cast<uint32_t>(stage.block));
    level = policy.is_uniform != 0
                ? uniform_closed_open(words.word[0]) * level
                : level + policy.sigma * standard_normal(words.word[0], words.word[1], false);
  }
  return at_most(at_least(level, 0.0f), policy.highest);
}

// `words` of the slot's own block.
HOST_DEVICE PolicyDraw draw_timm_policy(const AugmentParams& params, const Stage& stage, int64_t id,
                                        Philox4 words) {
  PolicyDraw draw = {PolicyOp::kIdentity, 0.0f,
                     drawn_interpolation(stage.timm_policy.interpolation,
                                         words.word[3] << 1)};  // the sign has the first bit
  if (!(uniform_closed_open(words.word[2]) < stage.timm_policy.probability)) {
    return draw;
  }
  constexpr int32_t kFirst = static_cast<int32_t>(PolicyOp::kShearX);
  draw.operation = static_cast<PolicyOp>(kFirst + uniform_below(words.word[1], kTimmOps));
  if (draw.operation == PolicyOp::kTranslateX) {
    draw.operation = PolicyOp::kTranslateXRel;
  } else if (draw.operation == PolicyOp::kTranslateY) {
    draw.operation = PolicyOp::kTranslateYRel;
  }
  const float level = timm_level(params, stage, id);
  const bool increases = stage.timm_policy.increases != 0;
  draw.magnitude = timm_magnitude(increases, draw.operation, level, words.word[3] >> 31 != 0);
  return draw;
}

}  // namespace warpmix::augment
