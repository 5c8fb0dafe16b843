// Operations on the image as a whole: they need its statistics, or more of it than one pixel. A
// stage says for each sample which operation it does to it, so that statistics and pixels are made
// by the operation and know nothing of the stage.
#pragma once

#include "../fixed_math.h"
#include "augmix.h"
#include "perspective.h"
#include "timm_policy.h"

namespace warpmix::augment {

enum class Operation : int32_t {
  kNone,
  kMove,   // by `projection`
  kColor,  // a step
  kSolarizeAdd,
  // From here on an operation takes the image as a whole, see needs_whole_image.
  kAutocontrast,
  kEqualize,
  kSharpness,
  kBlur,
};

struct BlurWindow {
  float sigma;  // pixels
  int32_t radius_x, radius_y;
};

// What is done to one sample.
struct ImageOperation {
  Operation operation;
  float factor;  // of kSharpness, as torchvision has it; of kSolarizeAdd what is added
  BlurWindow blur;
  Projection projection;
  PolicyColor color;
};

// ---- draws --------------------------------------------------------------------------------------

// `words` are the stage's; more are drawn from its stream.
HOST_DEVICE void draw_whole_image(const AugmentParams& params, const Stage& stage, int64_t id,
                                  Philox4 words, StageDraw& draw) {
  switch (stage.kind) {
    case Kind::kAutocontrast:
    case Kind::kEqualize:
    case Kind::kSharpness:
      return;
    case Kind::kGaussianBlur:
      draw.blur.sigma = uniform_between(words.word[1], stage.blur.sigma_low, stage.blur.sigma_span);
      return;
    case Kind::kPolicy:
      draw.policy = draw_policy(params, stage, id, words);
      return;
    case Kind::kTimmPolicy:
      draw.policy = draw_timm_policy(params, stage, id, words);
      return;
    case Kind::kPerspective:
      draw.perspective = draw_perspective(params, stage, id);
      return;
    case Kind::kAugMix:
      draw.augmix = draw_augmix(params, stage, id, words);
      return;
    default:
      unknown_kind();
  }
}

// ---- from a draw to an operation ----------------------------------------------------------------

// Of a policy's draw for an image of `stage`'s size.
template <bool kMoves>
HOST_DEVICE ImageOperation policy_operation(const Stage& stage, PolicyDraw draw,
                                            Interpolation interpolation, int32_t channels) {
  ImageOperation operation = {};
  switch (draw.operation) {
    case PolicyOp::kIdentity:
      break;
    case PolicyOp::kAutoContrast:
      operation.operation = Operation::kAutocontrast;
      break;
    case PolicyOp::kEqualize:
      operation.operation = Operation::kEqualize;
      break;
    case PolicyOp::kSharpness:
      operation.operation = Operation::kSharpness;
      operation.factor = 1.0f + draw.magnitude;
      break;
    case PolicyOp::kSolarizeAdd:
      operation.operation = Operation::kSolarizeAdd;
      operation.factor = draw.magnitude;
      break;
    case PolicyOp::kShearX:
    case PolicyOp::kShearY:
    case PolicyOp::kTranslateX:
    case PolicyOp::kTranslateY:
    case PolicyOp::kTranslateXRel:
    case PolicyOp::kTranslateYRel:
    case PolicyOp::kRotate:
      operation.operation = Operation::kMove;
      if constexpr (kMoves) {
        operation.projection =
            projection_of(policy_map(draw, stage.width, stage.height), interpolation);
      }
      break;
    case PolicyOp::kColor:
      if (channels == 3) {  // a grey image has no other colour
        operation.operation = Operation::kColor;
        operation.color = policy_color(draw);
      }
      break;
    case PolicyOp::kBrightness:
    case PolicyOp::kContrast:
    case PolicyOp::kPosterize:
    case PolicyOp::kSolarize:
    case PolicyOp::kInvert:
      operation.operation = Operation::kColor;
      operation.color = policy_color(draw);
      break;
  }
  return operation;
}

// How a stage's moves find what is between pixels, where it has any.
HOST_DEVICE Interpolation interpolation_of(const Stage& stage) {
  switch (stage.kind) {
    case Kind::kPolicy:
      return stage.policy.interpolation;
    case Kind::kTimmPolicy:
      return stage.timm_policy.interpolation;
    case Kind::kAugMix:
      return stage.augmix.interpolation;
    case Kind::kPerspective:
      return stage.perspective.interpolation;
    default:
      return Interpolation::kNearest;
  }
}

// Of a stage that applies. kMoves: with the projection of one that moves pixels, which pixels alone
// need; in double, it costs registers.
template <bool kMoves>
HOST_DEVICE ImageOperation operation_of(const Stage& stage, const StageDraw& draw,
                                        int32_t channels) {
  switch (stage.kind) {
    case Kind::kPolicy:
      return policy_operation<kMoves>(stage, draw.policy, stage.policy.interpolation, channels);
    case Kind::kTimmPolicy:
      return policy_operation<kMoves>(
          stage, draw.policy,
          applied_interpolation(stage.timm_policy.interpolation, draw.policy.interpolation),
          channels);
    case Kind::kAugMix:
      return policy_operation<kMoves>(stage, {draw.augmix.operation, draw.augmix.magnitude},
                                      stage.augmix.interpolation, channels);
    case Kind::kAutocontrast:
      return {Operation::kAutocontrast};
    case Kind::kEqualize:
      return {Operation::kEqualize};
    case Kind::kSharpness:
      return {Operation::kSharpness, stage.sharpness.factor};
    case Kind::kGaussianBlur:
      return {Operation::kBlur, 0.0f, {draw.blur.sigma, stage.blur.radius_x, stage.blur.radius_y}};
    case Kind::kPerspective: {
      ImageOperation operation = {Operation::kMove};
      if constexpr (kMoves) {
        operation.projection = perspective_projection(stage, draw.perspective);
      }
      return operation;
    }
    default:
      unknown_kind();
  }
  return {};
}

// Whether an operation takes the image as a whole, and not some rows at a time.
HOST_DEVICE bool needs_whole_image(const ImageOperation& operation) {
  return operation.color.pivots || operation.operation >= Operation::kAutocontrast;
}

// Whether an operation needs statistics of the image.
HOST_DEVICE bool needs_statistics(const ImageOperation& operation) {
  return operation.color.pivots || operation.operation == Operation::kAutocontrast ||
         operation.operation == Operation::kEqualize;
}

// Whether one has two passes: along rows, then along columns.
HOST_DEVICE bool has_passes(const ImageOperation& operation) {
  return operation.operation == Operation::kBlur;
}

// Whether the stages of a whole-image launch are chains, of which it mixes the results.
HOST_DEVICE bool has_chains(const Program& program) {
  return program.is_whole_image && program.stages[0].kind == Kind::kAugMix;
}

// Whether it may be so for some sample of a whole-image launch.
inline bool some_have(const Program& program, int32_t trait) {
  bool some = false;
  for (int32_t i = 0; program.is_whole_image && i < program.count; ++i) {
    some |= has_trait(program.stages[i].kind, trait);
  }
  return some;
}

// Whether some sample of a whole-image launch may take what is between sixteen pixels: kernels that
// can do it need more registers.
inline bool some_cubic(const Program& program) {
  bool some = false;
  for (int32_t i = 0; program.is_whole_image && i < program.count; ++i) {
    some |= interpolation_of(program.stages[i]) >= Interpolation::kBicubic;
  }
  return some;
}

// ---- from statistics to pixels ------------------------------------------------------------------

// torchvision's autocontrast: (v - low) / scale, which takes [lowest, highest] to [0, 255].
struct Stretch {
  float low;
  float scale;

  template <typename T>
  HOST_DEVICE T operator()(T value) const {
    return clipped<T>((value - low) / scale);
  }
};

// A flat channel stays as it is.
HOST_DEVICE Stretch stretch_of(float lowest, float highest) {
  const float scale = (highest - lowest) * static_cast<float>(1.0 / 255.0);
  return scale > 0.0f ? Stretch{lowest, scale} : Stretch{0.0f, 1.0f};
}

constexpr int32_t kLevels = 256;  // of a histogram: whole values

// The level that a value is counted as; to nearest even. Never another, whatever an image holds.
HOST_DEVICE int32_t level_of(float value) {
  return static_cast<int32_t>(at_most(at_least(rintf(value), 0.0f), kLevels - 1.0f));
}

// The levels are spread by steps of so many pixels; `highest` have the highest level of all.
HOST_DEVICE int32_t equalizing_step(int32_t pixels, int32_t highest) {
  return (pixels - highest) / (kLevels - 1);
}

// torchvision's equalize, which is Pillow's: what a level becomes that `below` pixels lie below. An
// image of too few pixels stays as it is.
HOST_DEVICE int32_t equalized(int32_t level, int32_t below, int32_t step) {
  return step > 0 ? min_of((below + step / 2) / step, kLevels - 1) : level;
}

// ---- from neighbours to pixels ------------------------------------------------------------------

// torchvision's adjust_sharpness: away from the smooth image, which Pillow's filter makes of a
// pixel and the eight `around` it, in three rows.
template <typename T>
HOST_DEVICE T sharpened(T value, const T (&above)[3], T before, T after, const T (&below)[3],
                        float factor) {
  const T around =
      (((above[0] + above[1]) + above[2]) + (before + after)) + ((below[0] + below[1]) + below[2]);
  const T smooth = (around + 5.0f * value) * static_cast<float>(1.0 / 13.0);
  return clipped<T>(value + (1.0f - factor) * (smooth - value));
}

// A Gaussian blur's weight of the pixels `distance` away, before it is divided by the sum of all.
HOST_DEVICE float gaussian(int32_t distance, float sigma) {
  const float t = static_cast<float>(distance) / sigma;
  return fixed_exp(-0.5f * (t * t));
}

// The sum of a window's weights, which are those of distances 0 to `radius`.
HOST_DEVICE float window_sum(const float* weights, int32_t radius) {
  float sum = weights[0];
  for (int32_t i = 1; i <= radius; ++i) {
    sum = sum + 2.0f * weights[i];
  }
  return sum;
}

// A window's sum so far, with the pixels as far before as after. The order is that of distances.
template <typename T>
HOST_DEVICE T with_pair(T sum, float weight, T before, T after) {
  return sum + weight * (before + after);
}

// Weights that are rounded can sum up to more than 1.
template <typename T>
HOST_DEVICE T window_result(T sum) {
  return at_most(sum, 255.0f);
}

}  // namespace warpmix::augment
