// The CPU's loops over planes of floats, one channel after the other. The arithmetic is color.h's,
// mix.h's and output.h's.
#pragma once

#include "../../simd.h"
#include "../color.h"
#include "../mix.h"
#include "../output.h"

namespace warpmix::augment {

namespace {

// ---- colour -------------------------------------------------------------------------------------

// Planes of floats, for apply_step.
struct Planes {
  float* first;
  int64_t stride;  // from plane to plane
  int32_t channels;
  int32_t count;

  template <typename Change>
  HOST_DEVICE void each_channel(const Change& change) const {
    for (int32_t c = 0; c < channels; ++c) {
      const auto change_value = change.of(c);  // a copy that no store reaches
      float* plane = first + c * stride;
      for (int32_t i = 0; i < count; ++i) {
        plane[i] = change_value(plane[i]);
      }
    }
  }

  template <typename Change>
  HOST_DEVICE void each_pixel(const Change& change) const {
    float* __restrict red = first;
    float* __restrict green = first + stride;
    float* __restrict blue = first + 2 * stride;
    for (int32_t i = 0; i < count; ++i) {
      change(red[i], green[i], blue[i]);
    }
  }
};

WARPMIX_SIMD_CLONES void change_planes(const ColorStep& step, const Planes& planes) {
  const Planes own = planes;  // a copy that no store reaches
  apply_step(step, own);
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
  }
WARPMIX_STORES(float)
WARPMIX_STORES(Half)
WARPMIX_STORES(BFloat16)
WARPMIX_STORES(uint8_t)
#undef WARPMIX_STORES

}  // namespace

}  // namespace warpmix::augment
