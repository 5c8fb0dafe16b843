// The CPU's loops over planes of floats, one channel after the other: what canvas.h is made of. The
// arithmetic is color.h's, map.h's and pixel.h's.
#pragma once

#include "../simd.h"
#include "pixel.h"
#include "sums.h"

namespace warpmix::augment {

// ---- bilinear taps ------------------------------------------------------------------------------

// One row's pixels: coordinates of their taps in the image that enters the map, and the weights.
struct RowTaps {
  int32_t *x0, *x1, *y0, *y1;
  float *across, *down;
  int32_t* outside;  // 1 where a constant border covers the pixel
};

template <Border kBorder>
HOST_DEVICE void tap_row(const Map& map, const int32_t* __restrict columns, int32_t row,
                         int32_t count, int32_t width, int32_t height, RowTaps taps) {
  const Map own = map;  // a copy that no store reaches: its numbers stay in registers
  const float* m = own.m;
  const float at_row = static_cast<float>(row);
  // No pointer of these reaches what another does: else GCC makes no vectors of seven stores.
  int32_t* __restrict x0 = taps.x0;
  int32_t* __restrict x1 = taps.x1;
  int32_t* __restrict y0 = taps.y0;
  int32_t* __restrict y1 = taps.y1;
  float* __restrict across_weight = taps.across;
  float* __restrict down_weight = taps.down;
  int32_t* __restrict outside = taps.outside;
  for (int32_t i = 0; i < count; ++i) {
    const float column = static_cast<float>(columns[i]);
    const float x = map_coordinate(m[0], m[1], m[2], column, at_row);
    const float y = map_coordinate(m[3], m[4], m[5], column, at_row);
    const Taps across = taps_of(x, width, kBorder);
    const Taps down = taps_of(y, height, kBorder);
    x0[i] = across.first;
    x1[i] = across.second;
    across_weight[i] = across.weight;
    y0[i] = down.first;
    y1[i] = down.second;
    down_weight[i] = down.weight;
    const bool covered = kBorder == Border::kConstant && !(static_cast<int>(within(x, width)) &
                                                           static_cast<int>(within(y, height)));
    outside[i] = static_cast<int>(covered) | static_cast<int>(columns[i] == kOutside);
  }
}

// kCount channels of `count` pixels from their taps. `offsets` are the elements of the four
// corners, or -1 for the fill; channels are `channel_stride` apart in the image, `plane` apart in
// the result.
template <int kCount, typename Source>
void sample_taps(const Source* image, int64_t channel_stride, const int32_t* const (&offsets)[4],
                 RowTaps taps, float fill, int32_t count, float* out, int64_t plane) {
  for (int32_t i = 0; i < count; ++i) {
    for (int c = 0; c < kCount; ++c) {
      float corner[4];
      for (int k = 0; k < 4; ++k) {
        const int32_t offset = offsets[k][i];
        corner[k] = offset < 0 ? fill : static_cast<float>(image[offset + c * channel_stride]);
      }
      const float sampled = between(between(corner[0], corner[1], taps.across[i]),
                                    between(corner[2], corner[3], taps.across[i]), taps.down[i]);
      out[c * plane + i] = taps.outside[i] ? fill : sampled;
    }
  }
}

// Three channels of a pixel in the low bytes of a word. A fourth byte is read with them, but not
// past the last of the image.
HOST_DEVICE uint32_t load_rgb(const uint8_t* image, int32_t offset, int32_t last_word) {
  uint32_t word;
  const int32_t from = min_of(offset, last_word);
  std::memcpy(&word, image + from, sizeof word);
  return word >> 8 * (offset - from);
}

namespace {

// Channel `shift` / 8 of `count` pixels from the words of their four corners.
WARPMIX_SIMD_CLONES void blend_corners(const uint32_t* __restrict corners, int32_t stride,
                                       const float* __restrict across, const float* __restrict down,
                                       const int32_t* __restrict outside, float fill, int32_t shift,
                                       int32_t count, float* __restrict out) {
  for (int32_t i = 0; i < count; ++i) {
    const float corner0 = static_cast<float>(static_cast<int32_t>(corners[i] >> shift & 255u));
    const float corner1 =
        static_cast<float>(static_cast<int32_t>(corners[i + stride] >> shift & 255u));
    const float corner2 =
        static_cast<float>(static_cast<int32_t>(corners[i + 2 * stride] >> shift & 255u));
    const float corner3 =
        static_cast<float>(static_cast<int32_t>(corners[i + 3 * stride] >> shift & 255u));
    const float sampled = between(between(corner0, corner1, across[i]),
                                  between(corner2, corner3, across[i]), down[i]);
    out[i] = outside[i] != 0 ? fill : sampled;
  }
}

// Offsets of four corners of each pixel, one corner after the other.
WARPMIX_SIMD_CLONES void corner_offsets(RowTaps taps, int32_t pixel_stride, int32_t row_stride,
                                        int32_t count, int32_t* __restrict corners) {
  const int32_t* const x[2] = {taps.x0, taps.x1};
  const int32_t* const y[2] = {taps.y0, taps.y1};
  for (int32_t k = 0; k < 4; ++k) {
    const int32_t* __restrict column = x[k % 2];
    const int32_t* __restrict row = y[k / 2];
    int32_t* __restrict corner = corners + k * count;
    for (int32_t i = 0; i < count; ++i) {
      corner[i] = row[i] * row_stride + column[i] * pixel_stride;
    }
  }
}

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
