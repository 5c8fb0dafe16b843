// Automatic policies: which operation a slot draws for a sample, and what its magnitude means.
// Operations, magnitudes and signs are torchvision's (transforms/v2/_auto_augment.py).
#pragma once

#include "color.h"
#include "geometry.h"

namespace warpmix::augment {

// ---- draws --------------------------------------------------------------------------------------

constexpr int32_t kRandomBin = 255;  // of an entry whose bin is drawn

// One of those that a slot draws from.
struct PolicyEntry {
  PolicyOp operation;
  float p;      // probability that the operation, once drawn, is applied
  int32_t bin;  // of its magnitude, or kRandomBin
};

// Of 16 bits: the operation in 4, tenths of the probability in 4, the bin in 8.
HOST_DEVICE PolicyEntry policy_entry(const PolicyStage& policy, int32_t i) {
  const uint32_t bits = static_cast<uint32_t>(policy.entry[i / 2]) >> 16 * (i % 2);
  return {static_cast<PolicyOp>(bits & 15u), static_cast<float>(bits >> 4 & 15u) * 0.1f,
          static_cast<int32_t>(bits >> 8 & 255u)};
}

// Element i of torch.linspace(low, high, count).
HOST_DEVICE float spaced(float low, float high, int32_t count, int32_t i) {
  const float step = (high - low) / static_cast<float>(count - 1);
  return i < count / 2 ? low + step * static_cast<float>(i)
                       : high - step * static_cast<float>(count - 1 - i);
}

// What a bin stands for.
struct Magnitudes {
  Space space;
  int32_t bins;
  float max_x, max_y;  // largest translations, pixels
};

// The magnitude of a bin; 0 for operations without one.
HOST_DEVICE float policy_magnitude(Magnitudes of, PolicyOp operation, int32_t bin) {
  const bool wide = of.space == Space::kWide;
  switch (operation) {
    case PolicyOp::kShearX:
    case PolicyOp::kShearY:
      return spaced(0.0f, wide ? 0.99f : 0.3f, of.bins, bin);
    case PolicyOp::kTranslateX:
      return spaced(0.0f, of.max_x, of.bins, bin);
    case PolicyOp::kTranslateY:
      return spaced(0.0f, of.max_y, of.bins, bin);
    case PolicyOp::kRotate:
      return spaced(0.0f, wide ? 135.0f : 30.0f, of.bins, bin);
    case PolicyOp::kBrightness:
    case PolicyOp::kColor:
    case PolicyOp::kContrast:
    case PolicyOp::kSharpness:
      return spaced(0.0f, wide ? 0.99f : 0.9f, of.bins, bin);
    case PolicyOp::kPosterize: {
      const float bins_a_bit = static_cast<float>(of.bins - 1) / (wide ? 6.0f : 4.0f);
      return rintf((of.space == Space::kMixed ? 4.0f : 8.0f) -
                   static_cast<float>(bin) / bins_a_bit);
    }
    case PolicyOp::kSolarize:
      return spaced(1.0f, 0.0f, of.bins, bin);
    case PolicyOp::kIdentity:
    case PolicyOp::kAutoContrast:
    case PolicyOp::kEqualize:
    case PolicyOp::kInvert:
    case PolicyOp::kSolarizeAdd:
    case PolicyOp::kTranslateXRel:
    case PolicyOp::kTranslateYRel:
      break;
  }
  return 0.0f;
}

HOST_DEVICE bool has_sign(PolicyOp operation) {
  return operation >= PolicyOp::kShearX && operation <= PolicyOp::kSharpness;
}

// That of a bin, with a sign by a random word where the operation has one.
HOST_DEVICE float signed_magnitude(Magnitudes magnitudes, PolicyOp operation, int32_t bin,
                                   uint32_t word) {
  const float magnitude = policy_magnitude(magnitudes, operation, bin);
  return has_sign(operation) && word >> 31 != 0 ? -magnitude : magnitude;
}

// `words` of the slot's own block.
HOST_DEVICE PolicyDraw draw_policy(const AugmentParams& params, const Stage& stage, int64_t id,
                                   Philox4 words) {
  const PolicyStage& policy = stage.policy;
  uint32_t chosen = words.word[1];
  if (policy.shared != 0 && stage.block != 0) {
    chosen = random_words(params, id, stage.stream, 0).word[1];
  }
  const PolicyEntry entry = policy_entry(policy, uniform_below(chosen, policy.count));
  if (!(uniform_closed_open(words.word[2]) < entry.p)) {
    return {PolicyOp::kIdentity, 0.0f};
  }
  const bool drawn = entry.bin == kRandomBin;
  const int32_t bin = drawn ? uniform_below(words.word[2], policy.bins) : entry.bin;
  const Magnitudes magnitudes = {policy.space, policy.bins, policy.max_x, policy.max_y};
  return {entry.operation, signed_magnitude(magnitudes, entry.operation, bin, words.word[3])};
}

// ---- geometry: whole pixels from the nearest ones
// ------------------------------------------------

// From a pixel of the result to its source, as torchvision's affine and rotate have it: shears
// leave the image's upper left corner where it is, which lies half a pixel before the first centre,
// and rotations its middle. A positive shear or translation looks to the left, or up; a positive
// rotation is counter-clockwise. timm's translations look the other way.
HOST_DEVICE Map policy_map(PolicyDraw draw, int32_t width, int32_t height) {
  const float m = draw.magnitude;
  const float pixels = -truncf(m);
  switch (draw.operation) {
    case PolicyOp::kShearX:
      return {{1.0f, m, 0.5f * m, 0.0f, 1.0f, 0.0f}, false};
    case PolicyOp::kShearY:
      return {{1.0f, 0.0f, 0.0f, m, 1.0f, 0.5f * m}, false};
    case PolicyOp::kTranslateX:
      return {{1.0f, 0.0f, pixels, 0.0f, 1.0f, 0.0f}, false};
    case PolicyOp::kTranslateY:
      return {{1.0f, 0.0f, 0.0f, 0.0f, 1.0f, pixels}, false};
    case PolicyOp::kTranslateXRel:
      return {{1.0f, 0.0f, m * static_cast<float>(width), 0.0f, 1.0f, 0.0f}, false};
    case PolicyOp::kTranslateYRel:
      return {{1.0f, 0.0f, 0.0f, 0.0f, 1.0f, m * static_cast<float>(height)}, false};
    default: {  // kRotate
      const SinCos turn = fixed_sincos_turns(m / 360.0f);
      const float x = 0.5f * static_cast<float>(width - 1);
      const float y = 0.5f * static_cast<float>(height - 1);
      return {{turn.cos, -turn.sin, x - (turn.cos * x - turn.sin * y), turn.sin, turn.cos,
               y - (turn.sin * x + turn.cos * y)},
              false};
    }
  }
}

// ---- colour -------------------------------------------------------------------------------------

// The colour step that an operation on single pixels is.
struct PolicyColor {
  Kind kind;
  float factor;
  bool pivots;  // on the image's grey mean
};

HOST_DEVICE PolicyColor policy_color(PolicyDraw draw) {
  const float factor = 1.0f + draw.magnitude;
  switch (draw.operation) {
    case PolicyOp::kBrightness:
      return {Kind::kContrast, factor, false};
    case PolicyOp::kColor:
      return {Kind::kSaturation, factor, false};
    case PolicyOp::kContrast:
      return {Kind::kContrast, factor, true};
    case PolicyOp::kPosterize: {
      const int32_t bits = min_of(max_of(static_cast<int32_t>(draw.magnitude), 0), 8);
      return {Kind::kPosterize, static_cast<float>(1 << (8 - bits)), false};
    }
    case PolicyOp::kSolarize:
      return {Kind::kSolarize, 255.0f * draw.magnitude, false};
    default:  // kInvert
      return {Kind::kSolarize, 0.0f, false};
  }
}

HOST_DEVICE void set_policy_step(PolicyColor color, float offset, int32_t channels,
                                 ColorStep& step) {
  step.kind = color.kind;
  step.factor = color.factor;
  for (int32_t c = 0; c < channels; ++c) {
    step.offset[c] = offset;
  }
}

// A contrast's offset, from the sums [channels] of the image.
HOST_DEVICE float policy_offset(PolicyColor color, const int64_t* sums, int32_t channels,
                                int32_t pixels) {
  const float pivot = pivot_of(Pivot::kGrayMean, sums, channels, pixels, 0);
  return pivot - pivot * color.factor;
}

}  // namespace warpmix::augment
