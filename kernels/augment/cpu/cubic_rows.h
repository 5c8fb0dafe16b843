// The CPU's loops that find what bicubic samples are made of. The arithmetic is sampling.h's.
#pragma once

#include "../../simd.h"
#include "../projection.h"
#include "../whole_pixels.h"

namespace warpmix::augment {

constexpr int32_t kEdge = 2;  // pixels that taps reach beyond an image's outermost ones

// Some pixels: where they come from.
struct CubicRow {
  float *x, *y;
  int32_t *left, *top;         // the first of their four columns and rows, which may lie outside
  float *across[3], *down[3];  // weights: cubic_weights
  int32_t* outside;            // 1 where a constant border covers the pixel
};

// The numbers of one axis of pixels that come from `place`s.
HOST_DEVICE void set_axis(const float* __restrict place, int32_t count, int32_t* __restrict first,
                          float* __restrict of_first, float* __restrict of_third,
                          float* __restrict of_fourth) {
  for (int32_t i = 0; i < count; ++i) {
    const float floor = floorf(place[i]);
    const CubicWeights weights = cubic_weights(place[i] - floor);
    first[i] = static_cast<int32_t>(floor) - 1;
    of_first[i] = weights.first;
    of_third[i] = weights.third;
    of_fourth[i] = weights.fourth;
  }
}

HOST_DEVICE void set_axes(int32_t count, const CubicRow& row) {
  set_axis(row.x, count, row.left, row.across[0], row.across[1], row.across[2]);
  set_axis(row.y, count, row.top, row.down[0], row.down[1], row.down[2]);
}

// Where pixels `columns` of row y of a result come from; either may be kOutside. fills: what lies
// outside is covered.
template <bool kAffine>
HOST_DEVICE void set_places(const Projection& projection, bool fills,
                            const int32_t* __restrict columns, int32_t y, int32_t count,
                            int32_t width, int32_t height, const CubicRow& row) {
  const Projection own = projection;  // a copy that no store reaches
  const float at_row = static_cast<float>(y);
  const int32_t row_outside = y == kOutside ? 1 : 0;
  const int32_t can_cover = fills ? 1 : 0;
  const float right = static_cast<float>(width) - 0.5f;
  const float bottom = static_cast<float>(height) - 0.5f;
  float* __restrict to_x = row.x;
  float* __restrict to_y = row.y;
  int32_t* __restrict outside = row.outside;
  for (int32_t i = 0; i < count; ++i) {
    const Place place = place_of<kAffine>(own, static_cast<float>(columns[i]), at_row);
    to_x[i] = place.x;
    to_y[i] = place.y;
    outside[i] = row_outside | (columns[i] == kOutside ? 1 : 0) |
                 (can_cover & border_covers(place.x, place.y, right, bottom));
  }
}

namespace {

WARPMIX_SIMD_CLONES void find_places(const Projection& projection, bool fills,
                                     const int32_t* columns, int32_t y, int32_t count,
                                     int32_t width, int32_t height, const CubicRow& row) {
  projection.is_affine
      ? set_places<true>(projection, fills, columns, y, count, width, height, row)
      : set_places<false>(projection, fills, columns, y, count, width, height, row);
  set_axes(count, row);
}

// Where the taps of pixels begin in a copy with its border, whose rows are `row_stride` elements
// apart and its pixels `pixel`; -1 where they do not lie in it.
WARPMIX_SIMD_CLONES void find_taps(const CubicRow& row, int32_t count, int32_t width,
                                   int32_t height, int32_t pixel, int32_t row_stride,
                                   int32_t* __restrict first) {
  const int32_t* __restrict left = row.left;
  const int32_t* __restrict top = row.top;
  const int32_t* __restrict outside = row.outside;
  const int32_t right = width + kEdge - 4;
  const int32_t bottom = height + kEdge - 4;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t beyond = outside[i] | (left[i] < -kEdge ? 1 : 0) | (left[i] > right ? 1 : 0) |
                           (top[i] < -kEdge ? 1 : 0) | (top[i] > bottom ? 1 : 0);
    const int32_t x = clamped(left[i] + kEdge, width + kEdge);
    const int32_t y = clamped(top[i] + kEdge, height + kEdge);
    first[i] = beyond != 0 ? -1 : y * row_stride + x * pixel;
  }
}

}  // namespace

}  // namespace warpmix::augment
