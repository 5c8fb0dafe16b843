// Projections: where the pixels of a result come from, taken from the nearest pixels or between
// four or sixteen. For transforms that are no part of a launch's map (geometry.h): a map's numbers
// are the same for a whole list, and it divides nothing.
#pragma once

#include "geometry.h"
#include "sampling.h"

namespace warpmix::augment {

// From a pixel of the result to a place in the source, by a 3×3 matrix. Centres are whole numbers.
struct Projection {
  float m[9];
  bool is_affine;  // the last row is (0, 0, 1): nothing is divided
  Interpolation interpolation;
};

HOST_DEVICE Projection projection_of(const Map& map, Interpolation interpolation) {
  const float* m = map.m;
  return {{m[0], m[1], m[2], m[3], m[4], m[5], 0.0f, 0.0f, 1.0f}, true, interpolation};
}

struct Place {
  float x, y;
};

constexpr float kAtHorizon = 1e-20f;  // where a projection would divide by 0

HOST_DEVICE float projected(float coordinate, float divisor) {
  return at_most(at_least(coordinate / divisor, -kFar), kFar);
}

template <bool kAffine>
HOST_DEVICE Place place_of(const Projection& projection, float x, float y) {
  const float* m = projection.m;
  if constexpr (kAffine) {
    return {map_coordinate(m[0], m[1], m[2], x, y), map_coordinate(m[3], m[4], m[5], x, y)};
  } else {
    const float w = m[6] * x + (m[7] * y + m[8]);
    const float divisor = w == 0.0f ? kAtHorizon : w;
    return {projected(m[0] * x + (m[1] * y + m[2]), divisor),
            projected(m[3] * x + (m[4] * y + m[5]), divisor)};
  }
}

// A whole pixel, if it is inside the image.
struct Nearest {
  int32_t x, y;
  int32_t outside;  // 1 where it is not
};

// The nearest whole coordinates, a tie to the even ones, as torch's grid_sample has it.
HOST_DEVICE Nearest nearest_to(Place place, int32_t width, int32_t height) {
  const int32_t x = static_cast<int32_t>(rintf(place.x));
  const int32_t y = static_cast<int32_t>(rintf(place.y));
  const int32_t outside =
      (x < 0 ? 1 : 0) | (x >= width ? 1 : 0) | (y < 0 ? 1 : 0) | (y >= height ? 1 : 0);
  return {x, y, outside};
}

}  // namespace warpmix::augment
