// Operations on the image as a whole: they need its statistics, or more of it than one pixel. A
// stage says for each sample which operation it does to it, so that statistics and pixels are made
// by the operation and know nothing of the stage.
#pragma once

#include "nearest.h"
#include "policy.h"

namespace warpmix::augment {

enum class Operation : int32_t {
  kNone,
  kAutocontrast,
  kMove,   // whole pixels, from the nearest ones of `map`
  kColor,  // a colour step
};

// What is done to one sample.
struct ImageOperation {
  Operation operation;
  Map map;
  PolicyColor color;
};

// ---- draws --------------------------------------------------------------------------------------

// `words` are the stage's; more are drawn from its stream.
HOST_DEVICE void draw_whole_image(const AugmentParams& params, const Stage& stage, int64_t id,
                                  Philox4 words, StageDraw& draw) {
  switch (stage.kind) {
    case Kind::kAutocontrast:
      return;
    case Kind::kPolicy:
      draw.policy = draw_policy(params, stage, id, words);
      return;
    default:
      unknown_kind();
  }
}

// ---- from a draw to an operation ----------------------------------------------------------------

// Of a policy's draw for an image of `stage`'s size.
HOST_DEVICE ImageOperation policy_operation(const Stage& stage, PolicyDraw draw, int32_t channels) {
  ImageOperation operation = {};
  switch (draw.operation) {
    case PolicyOp::kIdentity:
      break;
    case PolicyOp::kAutoContrast:
      operation.operation = Operation::kAutocontrast;
      break;
    case PolicyOp::kEqualize:
    case PolicyOp::kSharpness:
      break;
    case PolicyOp::kShearX:
    case PolicyOp::kShearY:
    case PolicyOp::kTranslateX:
    case PolicyOp::kTranslateY:
    case PolicyOp::kRotate:
      operation.operation = Operation::kMove;
      operation.map = policy_map(draw, stage.width, stage.height);
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

// Of a stage that applies.
HOST_DEVICE ImageOperation operation_of(const Stage& stage, const StageDraw& draw,
                                        int32_t channels) {
  switch (stage.kind) {
    case Kind::kAutocontrast: {
      ImageOperation operation = {};
      operation.operation = Operation::kAutocontrast;
      return operation;
    }
    case Kind::kPolicy:
      return policy_operation(stage, draw.policy, channels);
    default:
      unknown_kind();
  }
  return {};
}

// Whether an operation needs statistics of the image.
HOST_DEVICE bool needs_statistics(const ImageOperation& operation) {
  return operation.operation == Operation::kAutocontrast || operation.color.pivots;
}

// Whether it may, for some sample.
inline bool may_need_statistics(const Program& program) {
  bool needed = false;
  for (int32_t i = 0; program.is_whole_image && i < program.count; ++i) {
    needed |= has_trait(program.stages[i].kind, trait::kHasStatistics);
  }
  return needed;
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

// The step of an operation kColor; `offset` is contrast's.
HOST_DEVICE void set_color_step(PolicyColor color, float offset, int32_t channels,
                                ColorStep& step) {
  step.kind = color.kind;
  step.factor = color.factor;
  for (int32_t c = 0; c < channels; ++c) {
    step.offset[c] = offset;
  }
}

// `sums` [channels] of the image.
HOST_DEVICE float color_offset(PolicyColor color, const int64_t* sums, int32_t channels,
                               int32_t pixels) {
  const float pivot = pivot_of(Pivot::kGrayMean, sums, channels, pixels, 0);
  return pivot - pivot * color.factor;
}

}  // namespace warpmix::augment
