// Whole pixels from the nearest ones: maps that are not sampled between pixels.
#pragma once

#include "geometry.h"
#include "sampling.h"

namespace warpmix::augment {

// Where a pixel comes from, if that is inside the image.
struct Nearest {
  int32_t x, y;
  int32_t outside;  // 1 where it is not
};

// The nearest whole coordinates, a tie to the even ones, as torch's grid_sample has it.
HOST_DEVICE Nearest nearest_source(const Map& map, float x, float y, int32_t width,
                                   int32_t height) {
  const float* m = map.m;
  const int32_t source_x = static_cast<int32_t>(rintf(map_coordinate(m[0], m[1], m[2], x, y)));
  const int32_t source_y = static_cast<int32_t>(rintf(map_coordinate(m[3], m[4], m[5], x, y)));
  const int32_t outside = (source_x < 0 ? 1 : 0) | (source_x >= width ? 1 : 0) |
                          (source_y < 0 ? 1 : 0) | (source_y >= height ? 1 : 0);
  return {source_x, source_y, outside};
}

}  // namespace warpmix::augment
