// The CPU's loops over planes of floats, one channel after the other: what canvas.h is made of. The
// arithmetic is color.h's, map.h's and pixel.h's.
#pragma once

#include "../simd.h"
#include "pixel.h"
#include "sums.h"

namespace warpmix::augment {

// ---- bilinear taps ------------------------------------------------------------------------------

// Some pixels: coordinates of their taps in the image that enters the map, and the weights.
struct RowTaps {
  int32_t *x0, *x1, *y0, *y1;
  float *across, *down;
  int32_t* outside;  // 1 where a constant border covers the pixel
};

// Pixels of `rows` rows of `width`, one row after the other.
template <Border kBorder>
HOST_DEVICE void tap_rows(const Map& map, const int32_t* __restrict columns, const int32_t* row_of,
                          int32_t rows, int32_t count, int32_t width, int32_t height,
                          RowTaps taps) {
  const Map own = map;  // a copy that no store reaches: its numbers stay in registers
  const float* m = own.m;
  const float right = static_cast<float>(width) - 0.5f;
  const float bottom = static_cast<float>(height) - 0.5f;
  for (int32_t r = 0; r < rows; ++r) {
    // No pointer of these reaches what another does: else GCC makes no vectors of seven stores.
    int32_t* __restrict x0 = taps.x0 + r * count;
    int32_t* __restrict x1 = taps.x1 + r * count;
    int32_t* __restrict y0 = taps.y0 + r * count;
    int32_t* __restrict y1 = taps.y1 + r * count;
    float* __restrict across_weight = taps.across + r * count;
    float* __restrict down_weight = taps.down + r * count;
    int32_t* __restrict outside = taps.outside + r * count;
    const float at_row = static_cast<float>(row_of[r]);
    const int32_t row_outside = row_of[r] == kOutside ? 1 : 0;
#pragma GCC ivdep
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
      int32_t covered = row_outside | (columns[i] == kOutside ? 1 : 0);
      if (kBorder == Border::kConstant) {  // `within`, without a branch
        covered |= (x < -0.5f ? 1 : 0) | (x >= right ? 1 : 0) | (y < -0.5f ? 1 : 0) |
                   (y >= bottom ? 1 : 0);
      }
      outside[i] = covered;
    }
  }
}

// One channel of `count` pixels from their taps; `offsets` are the elements of the four corners, or
// -1 for the fill.
template <typename Source>
void sample_taps(const Source* image, const int32_t* const (&offsets)[4], RowTaps taps, float fill,
                 int32_t count, float* out) {
  for (int32_t i = 0; i < count; ++i) {
    float corner[4];
    for (int k = 0; k < 4; ++k) {
      const int32_t offset = offsets[k][i];
      corner[k] = offset < 0 ? fill : static_cast<float>(image[offset]);
    }
    const float sampled = between(between(corner[0], corner[1], taps.across[i]),
                                  between(corner[2], corner[3], taps.across[i]), taps.down[i]);
    out[i] = taps.outside[i] ? fill : sampled;
  }
}

// Three channels of pixels in the low bytes of words. A fourth byte is read with them, but not past
// the last of the image, which `last_word` ends.
HOST_DEVICE void load_rgb_words(const uint8_t* image, const int32_t* offsets, int32_t last_word,
                                int32_t count, uint32_t* words) {
  for (int32_t i = 0; i < count; ++i) {
    const bool is_last = offsets[i] > last_word;
    uint32_t word;
    std::memcpy(&word, image + (is_last ? last_word : offsets[i]), sizeof word);
    words[i] = is_last ? word >> 8 : word;
  }
}

namespace {

HOST_DEVICE float byte_of(uint32_t word, int32_t shift) {
  return static_cast<float>(static_cast<int32_t>(word >> shift & 255u));
}

// A byte of each of the four corners' words, blended.
HOST_DEVICE float blended_byte(uint32_t word0, uint32_t word1, uint32_t word2, uint32_t word3,
                               int32_t shift, float across, float down) {
  return between(between(byte_of(word0, shift), byte_of(word1, shift), across),
                 between(byte_of(word2, shift), byte_of(word3, shift), across), down);
}

// Three channels of `count` pixels from the words of their four corners, `count` apart.
WARPMIX_SIMD_CLONES void blend_corners(const uint32_t* __restrict words,
                                       const float* __restrict across, const float* __restrict down,
                                       const int32_t* __restrict outside, float fill, int32_t count,
                                       float* __restrict red, float* __restrict green,
                                       float* __restrict blue) {
  const uint32_t* __restrict words1 = words + count;
  const uint32_t* __restrict words2 = words + 2 * count;
  const uint32_t* __restrict words3 = words + 3 * count;
  for (int32_t i = 0; i < count; ++i) {
    const uint32_t w0 = words[i], w1 = words1[i], w2 = words2[i], w3 = words3[i];
    const float sampled_red = blended_byte(w0, w1, w2, w3, 0, across[i], down[i]);
    const float sampled_green = blended_byte(w0, w1, w2, w3, 8, across[i], down[i]);
    const float sampled_blue = blended_byte(w0, w1, w2, w3, 16, across[i], down[i]);
    red[i] = outside[i] != 0 ? fill : sampled_red;
    green[i] = outside[i] != 0 ? fill : sampled_green;
    blue[i] = outside[i] != 0 ? fill : sampled_blue;
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

WARPMIX_SIMD_CLONES void tap_rows(Border border, const Map& map, const int32_t* columns,
                                  const int32_t* row_of, int32_t rows, int32_t count, int32_t width,
                                  int32_t height, RowTaps taps) {
  switch (border) {
    case Border::kWrap:
      return tap_rows<Border::kWrap>(map, columns, row_of, rows, count, width, height, taps);
    case Border::kReflect:
      return tap_rows<Border::kReflect>(map, columns, row_of, rows, count, width, height, taps);
    case Border::kReplicate:
      return tap_rows<Border::kReplicate>(map, columns, row_of, rows, count, width, height, taps);
    case Border::kConstant:
      return tap_rows<Border::kConstant>(map, columns, row_of, rows, count, width, height, taps);
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
      part += static_cast<int32_t>(rintf(plane[i] * kSumScale));  // fixed_point, in 32 bits
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
