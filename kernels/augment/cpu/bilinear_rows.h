// The CPU's loops that sample rows between pixels. The arithmetic is sampling.h's.
#pragma once

#include <cstring>

#include "../../simd.h"
#include "../sampling.h"
#include "../whole_pixels.h"

namespace warpmix::augment {

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
  const Fold across_fold = fold_of(kBorder, width);
  const Fold down_fold = fold_of(kBorder, height);
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
      const Taps across = taps_of(x, across_fold);
      const Taps down = taps_of(y, down_fold);
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
                                       const int32_t* __restrict outside, const float* fill,
                                       int32_t count, float* __restrict red,
                                       float* __restrict green, float* __restrict blue) {
  const uint32_t* __restrict words1 = words + count;
  const uint32_t* __restrict words2 = words + 2 * count;
  const uint32_t* __restrict words3 = words + 3 * count;
  const float fill_red = fill[0], fill_green = fill[1], fill_blue = fill[2];
  for (int32_t i = 0; i < count; ++i) {
    const uint32_t w0 = words[i], w1 = words1[i], w2 = words2[i], w3 = words3[i];
    const float sampled_red = blended_byte(w0, w1, w2, w3, 0, across[i], down[i]);
    const float sampled_green = blended_byte(w0, w1, w2, w3, 8, across[i], down[i]);
    const float sampled_blue = blended_byte(w0, w1, w2, w3, 16, across[i], down[i]);
    red[i] = outside[i] != 0 ? fill_red : sampled_red;
    green[i] = outside[i] != 0 ? fill_green : sampled_green;
    blue[i] = outside[i] != 0 ? fill_blue : sampled_blue;
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
    case Border::kSymmetric:
      return tap_rows<Border::kSymmetric>(map, columns, row_of, rows, count, width, height, taps);
    case Border::kReplicate:
      return tap_rows<Border::kReplicate>(map, columns, row_of, rows, count, width, height, taps);
    case Border::kConstant:
      return tap_rows<Border::kConstant>(map, columns, row_of, rows, count, width, height, taps);
  }
}

}  // namespace

}  // namespace warpmix::augment
