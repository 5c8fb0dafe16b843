// The CPU's loops that take rows of an image from the nearest pixels of a map. The arithmetic is
// nearest.h's.
#pragma once

#include "../../simd.h"
#include "../nearest.h"
#include "byte_copies.h"

namespace warpmix::augment {

namespace {

// Offsets in the image of the pixels of row y, or kOutside.
WARPMIX_SIMD_CLONES void nearest_offsets(const Map& map, int32_t y, int32_t width, int32_t height,
                                         int32_t pixel_stride, int32_t row_stride,
                                         int32_t* __restrict offsets) {
  const Map own = map;  // a copy that no store reaches
  const float row = static_cast<float>(y);
  for (int32_t i = 0; i < width; ++i) {
    const Nearest source = nearest_source(own, static_cast<float>(i), row, width, height);
    const int32_t offset = source.y * row_stride + source.x * pixel_stride;
    offsets[i] = source.outside != 0 ? kOutside : offset;
  }
}

#define WARPMIX_TAKES(Source)                                                              \
  WARPMIX_SIMD_CLONES void take_plane(const Source* in, const int32_t* __restrict offsets, \
                                      float fill, int32_t count, float* __restrict out) {  \
    for (int32_t i = 0; i < count; ++i) {                                                  \
      const float value = static_cast<float>(in[max_of(offsets[i], 0)]);                   \
      out[i] = offsets[i] < 0 ? fill : value;                                              \
    }                                                                                      \
  }
WARPMIX_TAKES(uint8_t)
WARPMIX_TAKES(float)
#undef WARPMIX_TAKES

// Three channels of pixels in the low bytes of words, whose fourth is of no matter. Of offsets
// kOutside any pixel is read.
HOST_DEVICE void take_rgb_words(const uint8_t* image, const int32_t* offsets, int32_t last_word,
                                int32_t count, uint32_t* words) {
  for (int32_t i = 0; i < count; ++i) {
    words[i] = rgb_word(image, max_of(offsets[i], 0), last_word);
  }
}

// From those words to planes.
WARPMIX_SIMD_CLONES void split_words(const uint32_t* __restrict words,
                                     const int32_t* __restrict offsets, const float* fill,
                                     int32_t count, float* __restrict red, float* __restrict green,
                                     float* __restrict blue) {
  const float fill_red = fill[0], fill_green = fill[1], fill_blue = fill[2];
  for (int32_t i = 0; i < count; ++i) {
    const bool outside = offsets[i] < 0;
    const float word_red = static_cast<float>(static_cast<int32_t>(words[i] & 255u));
    const float word_green = static_cast<float>(static_cast<int32_t>(words[i] >> 8 & 255u));
    const float word_blue = static_cast<float>(static_cast<int32_t>(words[i] >> 16 & 255u));
    red[i] = outside ? fill_red : word_red;
    green[i] = outside ? fill_green : word_green;
    blue[i] = outside ? fill_blue : word_blue;
  }
}

}  // namespace

}  // namespace warpmix::augment
