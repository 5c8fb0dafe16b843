// The CPU's loops over whole images as planes of floats: reading them, their statistics, and what
// operations do to them. The arithmetic is whole_image.h's.
#pragma once

#include "../whole_image.h"
#include "plane_loops.h"

namespace warpmix::augment {

namespace {

// ---- reading ------------------------------------------------------------------------------------

#define WARPMIX_READS(Source)                                                              \
  WARPMIX_SIMD_CLONES void read_plane(const Source* __restrict in, float* __restrict out,  \
                                      int32_t count) {                                     \
    for (int32_t i = 0; i < count; ++i) {                                                  \
      out[i] = static_cast<float>(in[i]);                                                  \
    }                                                                                      \
  }                                                                                        \
  WARPMIX_SIMD_CLONES void read_pixels(const Source* __restrict in, float* __restrict red, \
                                       float* __restrict green, float* __restrict blue,    \
                                       int32_t count) {                                    \
    for (int32_t i = 0; i < count; ++i) {                                                  \
      red[i] = static_cast<float>(in[3 * i]);                                              \
      green[i] = static_cast<float>(in[3 * i + 1]);                                        \
      blue[i] = static_cast<float>(in[3 * i + 2]);                                         \
    }                                                                                      \
  }
WARPMIX_READS(uint8_t)
WARPMIX_READS(float)
#undef WARPMIX_READS

// ---- statistics ---------------------------------------------------------------------------------

struct Extremes {
  float lowest;
  float highest;
};

WARPMIX_SIMD_CLONES Extremes extremes_of(const float* plane, int32_t count) {
  float lowest = plane[0];
  float highest = plane[0];
  for (int32_t i = 1; i < count; ++i) {
    lowest = plane[i] < lowest ? plane[i] : lowest;
    highest = plane[i] > highest ? plane[i] : highest;
  }
  return {lowest, highest};
}

// ---- pixels -------------------------------------------------------------------------------------

WARPMIX_SIMD_CLONES void stretch_plane(float* plane, int32_t count, const Stretch& stretch) {
  const Stretch own = stretch;  // a copy that no store reaches
  for (int32_t i = 0; i < count; ++i) {
    plane[i] = own(plane[i]);
  }
}

}  // namespace

}  // namespace warpmix::augment
