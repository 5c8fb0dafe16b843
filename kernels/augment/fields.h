// The words of stages and draws, and how the members of their structs are described, for who packs
// them into words of 32 bits.
#pragma once

#include <cstddef>
#include <type_traits>

#include "../host_device.h"
#include "policy_numbers.h"

namespace warpmix::augment {

// Beyond the image's edge: reflect does not repeat the edge's pixels, symmetric does.
enum class Border : int32_t { kWrap, kReflect, kSymmetric, kReplicate, kConstant };
constexpr const char* kBorderNames[] = {"wrap", "reflect", "symmetric", "replicate", "constant"};

enum class Pivot : int32_t { kChannelMean, kGrayMean, kCenter };
constexpr const char* kPivotNames[] = {"channel_mean", "gray_mean", "center"};

enum class Section : int32_t { kGeometry, kColor, kOcclusion, kMix, kWholeImage };
constexpr const char* kSectionNames[] = {"geometry", "color", "occlusion", "mix", "whole_image"};

struct Box {
  int32_t x0, y0, x1, y1;  // pixels; the ends are exclusive
};

struct Point {
  uint16_t x, y;  // pixels
};

struct Extent {
  int32_t width, height;  // pixels
};

// The image of this sample that enters a geometry stage, where images have sizes of their own:
// behind what the stage draws.
struct EnteringDraw {
  int32_t drawn[4];
  Extent extent;
};

enum class FieldType : int32_t {
  kInt,
  kFloat,
  kBorder,
  kPivot,
  kSpace,
  kOperation,
  kPoint,
  kInterpolation
};
constexpr const char* kFieldTypeNames[] = {"int",   "float",     "border", "pivot",
                                           "space", "operation", "point",  "interpolation"};

template <typename T>
constexpr FieldType field_type() {
  if constexpr (std::is_same_v<T, Border>) {
    return FieldType::kBorder;
  } else if constexpr (std::is_same_v<T, Pivot>) {
    return FieldType::kPivot;
  } else if constexpr (std::is_same_v<T, Space>) {
    return FieldType::kSpace;
  } else if constexpr (std::is_same_v<T, PolicyOp>) {
    return FieldType::kOperation;
  } else if constexpr (std::is_same_v<T, Point>) {
    return FieldType::kPoint;
  } else if constexpr (std::is_same_v<T, Interpolation>) {
    return FieldType::kInterpolation;
  } else {
    return std::is_same_v<T, float> ? FieldType::kFloat : FieldType::kInt;
  }
}

// A member of a struct above; place and count in words of 32 bits.
struct Field {
  const char* name;
  FieldType type;
  int32_t place;
  int32_t count;
};

#define WARPMIX_FIELD(type, name)                                                                  \
  {#name, field_type<std::remove_all_extents_t<decltype(type::name)>>(), offsetof(type, name) / 4, \
   sizeof(type::name) / 4}

constexpr int kMaxFields = 12;     // of a kind
using Fields = Field[kMaxFields];  // up to the first without a name

// Whether fields fill their struct from its beginning, without a gap.
constexpr bool fields_are_dense(const Fields& fields) {
  int32_t place = 0;
  for (int i = 0; i < kMaxFields && fields[i].name != nullptr; ++i) {
    if (fields[i].place != place) {
      return false;
    }
    place += fields[i].count;
  }
  return true;
}

}  // namespace warpmix::augment
