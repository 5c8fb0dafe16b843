// Sampling between pixels, bilinear, and whole coordinates beyond the image's borders.
#pragma once

#include "stages.h"

namespace warpmix::augment {

constexpr float kFar = 4194304.0f;  // 2^22 pixels: coordinates are cut off there, before int32 ends

HOST_DEVICE float map_coordinate(float a, float b, float c, float x, float y) {
  return at_most(at_least(a * x + (b * y + c), -kFar), kFar);
}

// t modulo period for |t| <= 2^22 + 1, by a reciprocal that misses by one period at most.
HOST_DEVICE int32_t modulo(int32_t t, int32_t period, float reciprocal) {
  int32_t rest = t - static_cast<int32_t>(floorf(static_cast<float>(t) * reciprocal)) * period;
  rest = rest < 0 ? rest + period : rest;
  return rest >= period ? rest - period : rest;
}

// Whole coordinate t brought into [0, size) by a border; a constant one keeps its edge pixels here.
HOST_DEVICE int32_t folded(int32_t t, int32_t size, Border border) {
  if (border == Border::kWrap) {
    return modulo(t, size, 1.0f / static_cast<float>(size));
  }
  if (border == Border::kSymmetric) {
    const int32_t rest = modulo(t, 2 * size, 0.5f / static_cast<float>(size));
    return rest >= size ? 2 * size - 1 - rest : rest;
  }
  if (border == Border::kReflect && size > 1) {
    const int32_t period = 2 * (size - 1);
    const int32_t rest = modulo(t, period, 1.0f / static_cast<float>(period));
    return rest >= size ? period - rest : rest;
  }
  return min_of(max_of(t, 0), size - 1);
}

// A constant border begins where the nearest pixel is none of the image's.
HOST_DEVICE bool within(float x, int32_t size) {
  return x >= -0.5f && x < static_cast<float>(size) - 0.5f;
}

// The two pixels along one axis that a coordinate lies between, and its way from the first.
struct Taps {
  int32_t first;
  int32_t second;
  float weight;
};

HOST_DEVICE Taps taps_of(float x, int32_t size, Border border) {
  const float floor = floorf(x);
  const int32_t t = static_cast<int32_t>(floor);
  return {folded(t, size, border), folded(t + 1, size, border), x - floor};
}

HOST_DEVICE float between(float first, float second, float weight) {
  return first + weight * (second - first);
}

}  // namespace warpmix::augment
