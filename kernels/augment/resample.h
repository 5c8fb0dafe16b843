// Antialiased resampling of a box to another size: PIL's, and torch's interpolate with
// antialias=True. Along an axis a pixel of the result is a weighted mean of the box's pixels under
// a filter as wide as the scale; columns are summed first, then what they came to along the row.
#pragma once

#include "color.h"
#include "geometry.h"

namespace warpmix::augment {

// One axis: pixels [begin, begin + size) of the entering image become `out`.
struct AxisFilter {
  int32_t begin;
  int32_t size;
  int32_t out;
  int32_t radius;   // of the filter where nothing shrinks: 1 is bilinear, 2 bicubic
  float to_filter;  // from distances in 1 / (2 · out) pixels to the filter's own
};

HOST_DEVICE AxisFilter axis_filter(int32_t begin, int32_t end, int32_t out, bool is_bicubic) {
  const int32_t size = end - begin;
  return {begin, size, out, is_bicubic ? 2 : 1, 1.0f / static_cast<float>(2 * max_of(size, out))};
}

// The pixels that one of the result is made of. A place is half a pixel's 1 / `out`, a whole
// number, so that no rounding decides which there are.
struct FilterTaps {
  int32_t first;  // of the entering image
  int32_t count;
  int32_t distance;  // of the first from the result's pixel, in 1 / (2 · out) pixels
  float inverse_sum;
};

// PIL's triangle, and its cubic with a = -0.5.
HOST_DEVICE float filter_value(int32_t radius, float x) {
  const float t = fabsf(x);
  if (radius == 1) {
    return at_least(1.0f - t, 0.0f);
  }
  const float near = (1.5f * t - 2.5f) * t * t + 1.0f;
  const float far = (((t - 5.0f) * t + 8.0f) * t - 4.0f) * -0.5f;
  return t < 1.0f ? near : far;
}

// Of tap k, before it is divided by the sum.
HOST_DEVICE float unscaled_weight(const AxisFilter& axis, int32_t distance, int32_t k) {
  return filter_value(axis.radius,
                      static_cast<float>(distance + k * 2 * axis.out) * axis.to_filter);
}

HOST_DEVICE float tap_weight(const AxisFilter& axis, const FilterTaps& taps, int32_t k) {
  return unscaled_weight(axis, taps.distance, k) * taps.inverse_sum;
}

// Of pixel i of the result: all whose weight is not 0, and that the box has.
HOST_DEVICE FilterTaps filter_taps(const AxisFilter& axis, int32_t i) {
  const int64_t out = axis.out;
  const int64_t center = (2 * static_cast<int64_t>(i) + 1) * axis.size;
  const int64_t reach = 2 * static_cast<int64_t>(axis.radius) * max_of(axis.size, axis.out);
  const int64_t first = max_of<int64_t>(center - reach + out, 0) / (2 * out);
  const int64_t end = min_of<int64_t>((center + reach + out - 1) / (2 * out), axis.size);
  FilterTaps taps;
  taps.first = axis.begin + static_cast<int32_t>(first);
  taps.count = static_cast<int32_t>(end - first);
  taps.distance = static_cast<int32_t>((2 * first + 1) * out - center);
  float sum = 0.0f;
  for (int32_t k = 0; k < taps.count; ++k) {
    sum = sum + unscaled_weight(axis, taps.distance, k);
  }
  taps.inverse_sum = 1.0f / sum;
  return taps;
}

// A sample's resampling, where its launch has one and it applies.
struct Resampling {
  bool applies;
  AxisFilter across, down;
};

HOST_DEVICE Resampling resolve_resampling(const Program& program, const StageDraw* draws) {
  if (!resamples(program)) {
    return {};
  }
  const Stage& stage = program.stages[program.map_begin];
  const ResizedCropStage& crop = stage.resized_crop;
  const StageDraw& draw = draws[program.map_begin];
  if (draw.on == 0 || joins_map(stage, draw)) {
    return {};
  }
  const Extent out = resized_extent(crop, entering_extent(stage, draw));
  const Box& box = draw.box;
  const bool is_bicubic =
      applied_interpolation(crop.interpolation, draw.interpolation) == Interpolation::kBicubic;
  return {true, axis_filter(box.x0, box.x1, out.width, is_bicubic),
          axis_filter(box.y0, box.y1, out.height, is_bicubic)};
}

}  // namespace warpmix::augment
