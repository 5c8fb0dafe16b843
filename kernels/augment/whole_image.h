// Operations on the image as a whole: they need its statistics, or more of it than one pixel. A
// stage says for each sample which operation it does to it, so that statistics and pixels are made
// by the operation and know nothing of the stage.
#pragma once

#include "color.h"

namespace warpmix::augment {

enum class Operation : int32_t { kNone, kAutocontrast, kEqualize };

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
    case Kind::kEqualize:
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
    case Kind::kEqualize:
      return {Operation::kEqualize};
    default:
      unknown_kind();
  }
  return {};
}

// Whether an operation needs statistics of the image.
HOST_DEVICE bool needs_statistics(const ImageOperation& operation) {
  return operation.operation == Operation::kAutocontrast ||
         operation.operation == Operation::kEqualize;
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

}  // namespace warpmix::augment
