// The CPU's loops that find what bicubic samples are made of. The arithmetic is sampling.h's.
#pragma once

#include "../../simd.h"
#include "../projection.h"
#include "../whole_pixels.h"

namespace warpmix::augment {

// Some pixels: coordinates of the first of their four columns and rows, which may lie outside, and
// the weights of an axis, one after the other.
struct CubicRow {
  int32_t *left, *top;
  float *across[3], *down[3];
  int32_t* outside;  // 1 where a constant border covers the pixel
};

// Of pixel i, which comes from `place`.
HOST_DEVICE void set_cubic(Place place, int32_t i, int32_t* __restrict left,
                           int32_t* __restrict top, float* __restrict const (&across)[3],
                           float* __restrict const (&down)[3]) {
  const float x = floorf(place.x);
  const float y = floorf(place.y);
  const CubicWeights columns = cubic_weights(place.x - x);
  const CubicWeights rows = cubic_weights(place.y - y);
  left[i] = static_cast<int32_t>(x) - 1;
  top[i] = static_cast<int32_t>(y) - 1;
  across[0][i] = columns.first;
  across[1][i] = columns.third;
  across[2][i] = columns.fourth;
  down[0][i] = rows.first;
  down[1][i] = rows.third;
  down[2][i] = rows.fourth;
}

// What pixels of a row of the result lie between: `place_at(i)` is where pixel i comes from,
// `covered(i, place)` 1 where it is outside.
template <typename PlaceAt, typename Covered>
HOST_DEVICE void cubic_row(int32_t count, const PlaceAt& place_at, const Covered& covered,
                           const CubicRow& row) {
  // No pointer of these reaches what another does: else GCC makes no vectors of nine stores.
  float* __restrict const across[3] = {row.across[0], row.across[1], row.across[2]};
  float* __restrict const down[3] = {row.down[0], row.down[1], row.down[2]};
  int32_t* __restrict left = row.left;
  int32_t* __restrict top = row.top;
  int32_t* __restrict outside = row.outside;
#pragma GCC ivdep
  for (int32_t i = 0; i < count; ++i) {
    const Place place = place_at(i);
    set_cubic(place, i, left, top, across, down);
    outside[i] = covered(i, place);
  }
}

namespace {

// Of a row of a map's result; fills: its border is constant.
WARPMIX_SIMD_CLONES void mapped_cubic_row(const Map& map, bool fills, const int32_t* columns,
                                          int32_t y, int32_t count, int32_t width, int32_t height,
                                          const CubicRow& row) {
  const Map own = map;  // a copy that no store reaches: its numbers stay in registers
  const float* m = own.m;
  const float at_row = static_cast<float>(y);
  const int32_t row_outside = y == kOutside ? 1 : 0;
  const int32_t can_cover = fills ? 1 : 0;
  const float right = static_cast<float>(width) - 0.5f;
  const float bottom = static_cast<float>(height) - 0.5f;
  const auto place_at = [&](int32_t i) {
    const float column = static_cast<float>(columns[i]);
    return Place{map_coordinate(m[0], m[1], m[2], column, at_row),
                 map_coordinate(m[3], m[4], m[5], column, at_row)};
  };
  const auto covered = [&](int32_t i, Place place) {
    return row_outside | (columns[i] == kOutside ? 1 : 0) |
           (can_cover & border_covers(place.x, place.y, right, bottom));
  };
  cubic_row(count, place_at, covered, row);
}

// Of row y of what a projection makes of an image.
WARPMIX_SIMD_CLONES void projected_cubic_row(const Projection& projection, int32_t y, int32_t width,
                                             int32_t height, const CubicRow& row) {
  const Projection own = projection;
  const float at_row = static_cast<float>(y);
  const float right = static_cast<float>(width) - 0.5f;
  const float bottom = static_cast<float>(height) - 0.5f;
  const auto covered = [&](int32_t, Place place) {
    return border_covers(place.x, place.y, right, bottom);
  };
  if (own.is_affine) {
    cubic_row(
        width, [&](int32_t i) { return place_of<true>(own, static_cast<float>(i), at_row); },
        covered, row);
  } else {
    cubic_row(
        width, [&](int32_t i) { return place_of<false>(own, static_cast<float>(i), at_row); },
        covered, row);
  }
}

}  // namespace

}  // namespace warpmix::augment
