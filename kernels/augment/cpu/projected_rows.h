// The CPU's loops that take rows of an image from where a projection has them. The arithmetic is
// projection.h's.
#pragma once

#include "../../simd.h"
#include "../projection.h"
#include "rgb_taps.h"

namespace warpmix::augment {

template <bool kAffine>
HOST_DEVICE void nearest_offsets(const Projection& projection, int32_t y, int32_t width,
                                 int32_t height, int32_t pixel_stride, int32_t row_stride,
                                 int32_t* __restrict offsets) {
  const Projection own = projection;  // a copy that no store reaches
  const float row = static_cast<float>(y);
  for (int32_t i = 0; i < width; ++i) {
    const Nearest source =
        nearest_to(place_of<kAffine>(own, static_cast<float>(i), row), width, height);
    const int32_t offset = source.y * row_stride + source.x * pixel_stride;
    offsets[i] = source.outside != 0 ? kOutside : offset;
  }
}

template <bool kAffine>
HOST_DEVICE void projected_taps(const Projection& projection, int32_t y, int32_t width,
                                int32_t height, RowTaps taps) {
  const Projection own = projection;
  const float row = static_cast<float>(y);
  const float right = static_cast<float>(width) - 0.5f;
  const float bottom = static_cast<float>(height) - 0.5f;
  const Fold across_fold = fold_of(Border::kConstant, width);
  const Fold down_fold = fold_of(Border::kConstant, height);
  // No pointer of these reaches what another does: else GCC makes no vectors of seven stores.
  int32_t* __restrict x0 = taps.x0;
  int32_t* __restrict x1 = taps.x1;
  int32_t* __restrict y0 = taps.y0;
  int32_t* __restrict y1 = taps.y1;
  float* __restrict across_weight = taps.across;
  float* __restrict down_weight = taps.down;
  int32_t* __restrict outside = taps.outside;
#pragma GCC ivdep
  for (int32_t i = 0; i < width; ++i) {
    const Place place = place_of<kAffine>(own, static_cast<float>(i), row);
    const Taps across = taps_of(place.x, across_fold);
    const Taps down = taps_of(place.y, down_fold);
    x0[i] = across.first;
    x1[i] = across.second;
    across_weight[i] = across.weight;
    y0[i] = down.first;
    y1[i] = down.second;
    down_weight[i] = down.weight;
    outside[i] = border_covers(place.x, place.y, right, bottom);
  }
}

namespace {

// Offsets in the image of the pixels of row y, or kOutside.
WARPMIX_SIMD_CLONES void nearest_offsets(const Projection& projection, int32_t y, int32_t width,
                                         int32_t height, int32_t pixel_stride, int32_t row_stride,
                                         int32_t* offsets) {
  projection.is_affine ? augment::nearest_offsets<true>(projection, y, width, height, pixel_stride,
                                                        row_stride, offsets)
                       : augment::nearest_offsets<false>(projection, y, width, height, pixel_stride,
                                                         row_stride, offsets);
}

// What the pixels of row y are between.
WARPMIX_SIMD_CLONES void projected_taps(const Projection& projection, int32_t y, int32_t width,
                                        int32_t height, RowTaps taps) {
  projection.is_affine ? augment::projected_taps<true>(projection, y, width, height, taps)
                       : augment::projected_taps<false>(projection, y, width, height, taps);
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
