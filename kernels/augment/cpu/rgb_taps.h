// The CPU's sampling between pixels of three adjacent bytes, the common images: the arithmetic is
// sampling.h's.
#pragma once

#include <cstring>

#include "bilinear_rows.h"
#include "byte_copies.h"

namespace warpmix::augment {

// Some pixels: the offsets of their four corners, `count` apart, and the weights.
struct RgbTaps {
  const uint8_t* image;
  int32_t last_word;  // offset of the last four bytes that lie in the image
  const int32_t* corners;
  RowTaps taps;
  const float* fill;
  int32_t count;
};

HOST_DEVICE float byte_of(uint32_t word, int32_t shift) {
  return static_cast<float>(static_cast<int32_t>(word >> shift & 255u));
}

// Pixels [first, last).
HOST_DEVICE void sample_each_rgb(const RgbTaps& rgb, int32_t first, int32_t last,
                                 float* const (&out)[3]) {
  for (int32_t i = first; i < last; ++i) {
    uint32_t word[4];
    for (int32_t k = 0; k < 4; ++k) {
      word[k] = rgb_word(rgb.image, rgb.corners[k * rgb.count + i], rgb.last_word);
    }
    const float across = rgb.taps.across[i];
    for (int32_t c = 0; c < 3; ++c) {
      const float top = between(byte_of(word[0], 8 * c), byte_of(word[1], 8 * c), across);
      const float bottom = between(byte_of(word[2], 8 * c), byte_of(word[3], 8 * c), across);
      const float sampled = between(top, bottom, rgb.taps.down[i]);
      out[c][i] = rgb.taps.outside[i] != 0 ? rgb.fill[c] : sampled;
    }
  }
}

namespace {

WARPMIX_SIMD_DEFAULT void sample_rgb(const RgbTaps& rgb, float* red, float* green, float* blue) {
  sample_each_rgb(rgb, 0, rgb.count, {red, green, blue});
}

}  // namespace

#if defined(WARPMIX_SIMD_V3)

// The corners of pixel i, and of each the bytes of its left and of its right one as eight floats:
// those above first, then those below, four each.
WARPMIX_SIMD_V3 HOST_DEVICE Floats blended_across(const RgbTaps& rgb, int32_t i) {
  const int32_t* const corner = rgb.corners + i;
  int32_t word[4];
  for (int32_t k = 0; k < 4; ++k) {
    std::memcpy(&word[k], rgb.image + corner[k * rgb.count], sizeof word[k]);
  }
  const __m128i both = _mm_setr_epi32(word[0], word[2], word[1], word[3]);
  const Floats left = reinterpret_cast<Floats>(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(both)));
  const Floats right = reinterpret_cast<Floats>(
      _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(both, both))));
  return left + (Floats{} + rgb.taps.across[i]) * (right - left);
}

WARPMIX_SIMD_V3 HOST_DEVICE __m128 blended(const RgbTaps& rgb, int32_t i) {
  const __m256 across = reinterpret_cast<__m256>(blended_across(rgb, i));
  const __m128 above = _mm256_castps256_ps128(across);
  const __m128 below = _mm256_extractf128_ps(across, 1);
  const __m128 weight = _mm_set1_ps(rgb.taps.down[i]);
  return _mm_add_ps(above, _mm_mul_ps(weight, _mm_sub_ps(below, above)));
}

namespace {

// Four pixels at a time: half the time of words that are blended a channel at a time.
WARPMIX_SIMD_V3 void sample_rgb(const RgbTaps& rgb, float* red, float* green, float* blue) {
  constexpr int32_t kPixels = 4;
  float* const out[3] = {red, green, blue};
  int32_t furthest = 0;
  for (int32_t i = 0; i < 4 * rgb.count; ++i) {
    furthest = max_of(furthest, rgb.corners[i]);
  }
  if (rgb.count < kPixels || furthest > rgb.last_word) {
    return sample_each_rgb(rgb, 0, rgb.count, {red, green, blue});
  }
  for (int32_t i = 0; i < rgb.count; i += kPixels) {
    const int32_t first = min_of(i, rgb.count - kPixels);  // the last ones overlap those before
    __m128 pixel[4];
    for (int32_t k = 0; k < kPixels; ++k) {
      pixel[k] = blended(rgb, first + k);
    }
    _MM_TRANSPOSE4_PS(pixel[0], pixel[1], pixel[2], pixel[3]);
    const auto* covered = reinterpret_cast<const __m128i*>(rgb.taps.outside + first);
    const __m128 outside =
        _mm_castsi128_ps(_mm_cmpgt_epi32(_mm_loadu_si128(covered), _mm_setzero_si128()));
    for (int32_t c = 0; c < 3; ++c) {
      _mm_storeu_ps(out[c] + first, _mm_blendv_ps(pixel[c], _mm_set1_ps(rgb.fill[c]), outside));
    }
  }
}

}  // namespace

#endif

// `count` pixels of any images, to a plane a channel. `last_word` as RgbTaps has it where pixels
// are three adjacent bytes, else -1.
template <typename Source>
void sample_planes(const AugmentParams& params, const Source* image, int32_t last_word,
                   const int32_t* corners, RowTaps taps, int32_t count, float* out, int64_t plane) {
  const float* const fill = params.program.fill;
  if constexpr (sizeof(Source) == 1) {
    if (last_word >= 0) {
      const RgbTaps rgb = {image, last_word, corners, taps, fill, count};
      return sample_rgb(rgb, out, out + plane, out + 2 * plane);
    }
  }
  const int32_t* const offsets[4] = {corners, corners + count, corners + 2 * count,
                                     corners + 3 * count};
  for (int32_t c = 0; c < params.channels; ++c) {
    sample_taps(image + static_cast<int64_t>(c) * params.channel_stride, offsets, taps, fill[c],
                count, out + c * plane);
  }
}

}  // namespace warpmix::augment
