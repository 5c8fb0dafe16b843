// How what lies between pixels is found: its names, and the arithmetic along one axis.
#pragma once

#include "../host_device.h"

namespace warpmix::augment {

// kRandom: bilinear or bicubic, drawn for each sample with even odds.
enum class Interpolation : int32_t { kNearest, kBilinear, kBicubic, kRandom };
constexpr const char* kInterpolationNames[] = {"nearest", "bilinear", "bicubic", "random"};

// The one of a sample: its stage's, or the one that it has drawn.
HOST_DEVICE Interpolation applied_interpolation(Interpolation of_stage, Interpolation drawn) {
  return of_stage == Interpolation::kRandom ? drawn : of_stage;
}

// What a sample draws, by a random word's first bit; 0 where it does not.
HOST_DEVICE Interpolation drawn_interpolation(Interpolation of_stage, uint32_t word) {
  if (of_stage != Interpolation::kRandom) {
    return {};
  }
  return word >> 31 != 0 ? Interpolation::kBicubic : Interpolation::kBilinear;
}

HOST_DEVICE float between(float first, float second, float weight) {
  return first + weight * (second - first);
}

// Keys's cubic convolution with a = -1, as Pillow's transforms have it (its resizes have -0.5, see
// resample.h; torch's grid_sample -0.75). The weights of four pixels side by side, but for the
// second one's, which is 1 less the others.
constexpr float kMoveCubic = -1.0f;

struct CubicWeights {
  float first, third, fourth;
};

// Of a place `t` in [0, 1) behind the second pixel.
HOST_DEVICE CubicWeights cubic_weights(float t) {
  const float rest = 1.0f - t;
  return {kMoveCubic * (t * (rest * rest)),
          ((kMoveCubic + 2.0f) * rest - (kMoveCubic + 3.0f)) * (rest * rest) + 1.0f,
          kMoveCubic * (rest * (t * t))};
}

// Where the four are equal it is theirs, to the last bit. T: float, or on the CPU a vector of them;
// so are the weights.
template <typename T>
HOST_DEVICE T cubic_between(T first, T second, T third, T fourth, T of_first, T of_third,
                            T of_fourth) {
  return second + ((of_first * (first - second) + of_third * (third - second)) +
                   of_fourth * (fourth - second));
}

}  // namespace warpmix::augment
