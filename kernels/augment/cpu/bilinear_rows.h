// The CPU's loops that sample rows between pixels. The arithmetic is sampling.h's.
#pragma once

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
      if (kBorder == Border::kConstant) {
        covered |= border_covers(x, y, right, bottom);
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

namespace {

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
      return augment::tap_rows<Border::kWrap>(map, columns, row_of, rows, count, width, height,
                                              taps);
    case Border::kReflect:
      return augment::tap_rows<Border::kReflect>(map, columns, row_of, rows, count, width, height,
                                                 taps);
    case Border::kSymmetric:
      return augment::tap_rows<Border::kSymmetric>(map, columns, row_of, rows, count, width, height,
                                                   taps);
    case Border::kReplicate:
      return augment::tap_rows<Border::kReplicate>(map, columns, row_of, rows, count, width, height,
                                                   taps);
    case Border::kConstant:
      return augment::tap_rows<Border::kConstant>(map, columns, row_of, rows, count, width, height,
                                                  taps);
  }
}

}  // namespace

}  // namespace warpmix::augment
