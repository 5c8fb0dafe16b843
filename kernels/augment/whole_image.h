// Operations on the image as a whole: they need its statistics, or more of it than one pixel. A
// stage says for each sample which operation it does to it, so that statistics and pixels are made
// by the operation and know nothing of the stage.
#pragma once

#include "color.h"

namespace warpmix::augment {

enum class Operation : int32_t { kNone, kAutocontrast };

// What is done to one sample.
struct ImageOperation {
  Operation operation;
};

// ---- draws --------------------------------------------------------------------------------------

// `words` are the stage's; more are drawn from its stream.
HOST_DEVICE void draw_whole_image(const AugmentParams&, const Stage& stage, int64_t, Philox4,
                                  StageDraw&) {
  switch (stage.kind) {
    case Kind::kAutocontrast:
      return;
    default:
      unknown_kind();
  }
}

// ---- from a draw to an operation ----------------------------------------------------------------

// Of a stage that applies.
HOST_DEVICE ImageOperation operation_of(const Stage& stage, const StageDraw&) {
  switch (stage.kind) {
    case Kind::kAutocontrast:
      return {Operation::kAutocontrast};
    default:
      unknown_kind();
  }
  return {};
}

// Whether an operation needs statistics of the image.
HOST_DEVICE bool needs_statistics(const ImageOperation& operation) {
  return operation.operation == Operation::kAutocontrast;
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

}  // namespace warpmix::augment
