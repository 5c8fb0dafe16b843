// The CPU's loops over planes of floats, one channel after the other: what canvas.h is made of. The
// arithmetic is color.h's, map.h's and pixel.h's.
#pragma once

#include "../simd.h"
#include "pixel.h"
#include "sums.h"

namespace warpmix::augment {

// ---- bilinear taps ------------------------------------------------------------------------------

// One row's pixels: coordinates of the taps in the image that enters the map, and their weights.
struct RowTaps {
  int32_t *x0, *x1, *y0, *y1;
  float *across, *down;
  int32_t* outside;  // 1 where a constant border covers the pixel
};

template <Border kBorder>
HOST_DEVICE void tap_row(const Map& map, const int32_t* columns, int32_t row, int32_t count,
                         int32_t width, int32_t height, RowTaps taps) {
  const float* m = map.m;
  const float at_row = static_cast<float>(row);
  for (int32_t i = 0; i < count; ++i) {
    const float column = static_cast<float>(columns[i]);
    const float x = map_coordinate(m[0], m[1], m[2], column, at_row);
    const float y = map_coordinate(m[3], m[4], m[5], column, at_row);
    const Taps across = taps_of(x, width, kBorder);
    const Taps down = taps_of(y, height, kBorder);
    taps.x0[i] = across.first;
    taps.x1[i] = across.second;
    taps.across[i] = across.weight;
    taps.y0[i] = down.first;
    taps.y1[i] = down.second;
    taps.down[i] = down.weight;
    const bool covered = kBorder == Border::kConstant && !(static_cast<int>(within(x, width)) &
                                                           static_cast<int>(within(y, height)));
    taps.outside[i] = static_cast<int>(covered) | static_cast<int>(columns[i] == kOutside);
  }
}

namespace {

WARPMIX_SIMD_CLONES void tap_row(Border border, const Map& map, const int32_t* columns, int32_t row,
                                 int32_t count, int32_t width, int32_t height, RowTaps taps) {
  switch (border) {
    case Border::kWrap:
      return tap_row<Border::kWrap>(map, columns, row, count, width, height, taps);
    case Border::kReflect:
      return tap_row<Border::kReflect>(map, columns, row, count, width, height, taps);
    case Border::kReplicate:
      return tap_row<Border::kReplicate>(map, columns, row, count, width, height, taps);
    case Border::kConstant:
      return tap_row<Border::kConstant>(map, columns, row, count, width, height, taps);
  }
}

// ---- colour -------------------------------------------------------------------------------------

WARPMIX_SIMD_CLONES void widen_plane(const uint8_t* __restrict in, float* __restrict out,
                                     int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    out[i] = static_cast<float>(in[i]);
  }
}

WARPMIX_SIMD_CLONES void contrast_plane(float* plane, int32_t count, float factor, float offset) {
  for (int32_t i = 0; i < count; ++i) {
    plane[i] = contrast(plane[i], factor, offset);
  }
}

WARPMIX_SIMD_CLONES void saturate_planes(float* __restrict red, float* __restrict green,
                                         float* __restrict blue, int32_t count, float factor) {
  for (int32_t i = 0; i < count; ++i) {
    saturate(red[i], green[i], blue[i], factor);
  }
}

WARPMIX_SIMD_CLONES void turn_hue_planes(float* __restrict red, float* __restrict green,
                                         float* __restrict blue, int32_t count, float turns) {
  for (int32_t i = 0; i < count; ++i) {
    turn_hue(red[i], green[i], blue[i], turns);
  }
}

// 2^24 at most, so that 64 of them fit into 32 bits.
WARPMIX_SIMD_CLONES int64_t sum_plane(const float* plane, int32_t count) {
  constexpr int32_t kLanes = 64;
  int64_t sum = 0;
  for (int32_t first = 0; first < count; first += kLanes) {
    const int32_t end = min_of(count, first + kLanes);
    int32_t part = 0;
    for (int32_t i = first; i < end; ++i) {
      part += static_cast<int32_t>(fixed_point(plane[i]));
    }
    sum += part;
  }
  return sum;
}

// ---- mix and output -----------------------------------------------------------------------------

WARPMIX_SIMD_CLONES void blend_plane(float* __restrict own, const float* __restrict partner,
                                     int32_t count, float lam) {
  for (int32_t i = 0; i < count; ++i) {
    own[i] = blend(own[i], partner[i], lam);
  }
}

#define WARPMIX_STORES(Out)                                                                       \
  WARPMIX_SIMD_CLONES void store_plane(const float* __restrict plane, int32_t count, float scale, \
                                       float bias, Out* __restrict out) {                         \
    for (int32_t i = 0; i < count; ++i) {                                                         \
      out[i] = rounded<Out>(normalise(plane[i], scale, bias));                                    \
    }                                                                                             \
  }                                                                                               \
  WARPMIX_SIMD_CLONES void store_pixels(                                                          \
      const float* __restrict red, const float* __restrict green, const float* __restrict blue,   \
      int32_t count, const float* scale, const float* bias, Out* __restrict out) {                \
    const float scale0 = scale[0], scale1 = scale[1], scale2 = scale[2];                          \
    const float bias0 = bias[0], bias1 = bias[1], bias2 = bias[2];                                \
    for (int32_t i = 0; i < count; ++i) {                                                         \
      out[3 * i] = rounded<Out>(normalise(red[i], scale0, bias0));                                \
      out[3 * i + 1] = rounded<Out>(normalise(green[i], scale1, bias1));                          \
      out[3 * i + 2] = rounded<Out>(normalise(blue[i], scale2, bias2));                           \
    }                                                                                             \
  }
WARPMIX_STORES(float)
WARPMIX_STORES(Half)
WARPMIX_STORES(BFloat16)
WARPMIX_STORES(uint8_t)
#undef WARPMIX_STORES

}  // namespace

}  // namespace warpmix::augment
