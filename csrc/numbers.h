// Checks of the numbers of a stage, or of a draw, with messages that name them.
#pragma once

#include <cmath>
#include <type_traits>

#include "augment/params.h"
#include "checks.h"

namespace warpmix {

using augment::Border;
using augment::Box;
using augment::Field;
using augment::Fields;
using augment::FieldType;
using augment::Stage;

constexpr int64_t kMost = 1 << 22;  // pixels that a stage moves by; kFar in augment/sampling.h

// A shift and its bounds.
struct Reach {
  int64_t low, high;
};

// Shifts along an axis after which a window of `out` pixels of an image of `size` has its sources
// where the border brings them back by folding once (shifted_source in augment/whole_pixels.h).
inline Reach reach_of(Border border, int32_t size, int32_t out) {
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

  // One of those up to `last` in the list, from `first` on.
  void require(augment::Interpolation value, augment::Interpolation first,
               augment::Interpolation last) const {
    require("interpolation", static_cast<int32_t>(value), static_cast<int32_t>(first),
            static_cast<int32_t>(last));
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

// Of the whole-image kinds, in whole_image_guards.cpp; those of other kinds may be any number.
void require_whole_image_stage(const Numbers& numbers, const Stage& stage);
void require_whole_image_draw(const Numbers& numbers, const Stage& stage,
                              const augment::StageDraw& draw);

}  // namespace warpmix
