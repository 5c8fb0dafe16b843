// Sampling between pixels, bilinear and bicubic, and whole coordinates beyond the image's borders.
#pragma once

#include "stages.h"

namespace warpmix::augment {

constexpr float kFar = 4194304.0f;  // 2^22 pixels: coordinates are cut off there, before int32 ends

HOST_DEVICE float map_coordinate(float a, float b, float c, float x, float y) {
  return at_most(at_least(a * x + (b * y + c), -kFar), kFar);
}

// t modulo period for |t| <= 2^22 + 2, by a reciprocal that misses by one period at most.
HOST_DEVICE int32_t modulo(int32_t t, int32_t period, float reciprocal) {
  int32_t rest = t - static_cast<int32_t>(floorf(static_cast<float>(t) * reciprocal)) * period;
  rest = rest < 0 ? rest + period : rest;
  return rest >= period ? rest - period : rest;
}

// How a border brings whole coordinates into [0, size), as numbers: nothing is decided a pixel.
struct Fold {
  bool clamps;  // to the edge's pixels, as a constant border does where it does not fill
  bool fills;   // a constant border
  int32_t size;
  int32_t period;
  float reciprocal;  // 1 / period
  int32_t last;      // behind it a period runs backwards,
  int32_t mirror;    // rest to mirror - rest
};

HOST_DEVICE Fold fold_of(Border border, int32_t size) {
  switch (border) {
    case Border::kWrap:
      return {false, false, size, size, 1.0f / static_cast<float>(size), INT32_MAX, 0};
    case Border::kSymmetric:
      return {false,    false,       size, 2 * size, 0.5f / static_cast<float>(size),
              size - 1, 2 * size - 1};
    case Border::kReflect:
      if (size > 1) {
        const int32_t period = 2 * (size - 1);
        return {false, false, size, period, 1.0f / static_cast<float>(period), size - 1, period};
      }
      break;
    case Border::kReplicate:
    case Border::kConstant:
      break;
  }
  return {true, border == Border::kConstant, size, 0, 0.0f, 0, 0};
}

HOST_DEVICE int32_t clamped(int32_t t, int32_t size) { return min_of(max_of(t, 0), size - 1); }

HOST_DEVICE int32_t folded(int32_t t, const Fold& fold) {
  if (fold.clamps) {
    return clamped(t, fold.size);
  }
  const int32_t rest = modulo(t, fold.period, fold.reciprocal);
  return rest > fold.last ? fold.mirror - rest : rest;
}

// A constant border begins where the nearest pixel is none of the image's.
HOST_DEVICE bool within(float x, int32_t size) {
  return x >= -0.5f && x < static_cast<float>(size) - 0.5f;
}

// 1 where a constant border covers a place between pixels: not `within`, without a branch. right,
// bottom: where it begins.
HOST_DEVICE int32_t border_covers(float x, float y, float right, float bottom) {
  return (x < -0.5f ? 1 : 0) | (x >= right ? 1 : 0) | (y < -0.5f ? 1 : 0) | (y >= bottom ? 1 : 0);
}

// The two pixels along one axis that a coordinate lies between, and its way from the first.
struct Taps {
  int32_t first;
  int32_t second;
  float weight;
};

HOST_DEVICE Taps taps_of(float x, const Fold& fold) {
  const float floor = floorf(x);
  const int32_t t = static_cast<int32_t>(floor);
  return {folded(t, fold), folded(t + 1, fold), x - floor};
}

// Loads of the next pixel's taps wait for this one's: nvcc would have a whole group's 48 in flight,
// and spill.
HOST_DEVICE void end_pixel() {
#if defined(__CUDA_ARCH__)
  asm volatile("" ::: "memory");
#endif
}

// The four pixels along one axis that a bicubic sample is made of.
struct CubicTaps {
  int32_t at[4];
  CubicWeights weights;
};

HOST_DEVICE CubicTaps cubic_taps_of(float x, const Fold& fold) {
  const float floor = floorf(x);
  const int32_t t = static_cast<int32_t>(floor);
  return {{folded(t - 1, fold), folded(t, fold), folded(t + 1, fold), folded(t + 2, fold)},
          cubic_weights(x - floor)};
}

HOST_DEVICE float cubic_between(const float (&tap)[4], const CubicWeights& weights) {
  return cubic_between(tap[0], tap[1], tap[2], tap[3], weights.first, weights.third,
                       weights.fourth);
}

// Columns are summed first. `load(column, row, value)` sets the channels of a tap.
template <int kCount, typename Load>
HOST_DEVICE void cubic_sample(const CubicTaps& across, const CubicTaps& down, const Load& load,
                              float* value) {
  float column[kCount][4];
  UNROLL
  for (int i = 0; i < 4; ++i) {
    float tap[4][kCount];
    UNROLL
    for (int j = 0; j < 4; ++j) {
      load(across.at[i], down.at[j], tap[j]);
    }
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      const float of_channel[4] = {tap[0][c], tap[1][c], tap[2][c], tap[3][c]};
      column[c][i] = cubic_between(of_channel, down.weights);
    }
    end_pixel();
  }
  UNROLL
  for (int c = 0; c < kCount; ++c) {
    value[c] = at_most(at_least(cubic_between(column[c], across.weights), 0.0f), 255.0f);
  }
}

}  // namespace warpmix::augment
