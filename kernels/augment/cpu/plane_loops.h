// The CPU's loops over planes of floats, one channel after the other. The arithmetic is color.h's,
// mix.h's and output.h's.
#pragma once

#include "../../simd.h"
#include "../color.h"
#include "../mix.h"
#include "../normal.h"
#include "../output.h"

namespace warpmix::augment {

namespace {

// ---- colour -------------------------------------------------------------------------------------

// The words of four channels of some pixels. Rounds, and then numbers, are made of all pixels one
// after the other, so that loops are vectors.
struct NormalWords {
  static constexpr int32_t kPixels = 256;
  uint32_t word[4][kPixels];

  HOST_DEVICE void draw(uint64_t key, int32_t first_pixel, int32_t channel, int32_t count) {
    for (int32_t i = 0; i < count; ++i) {
      set(i, normal_counter(first_pixel + i, channel));
    }
    PhiloxKey of_round(key);
    for (int round = 0; round < kPhiloxRounds; ++round) {
      for (int32_t i = 0; i < count; ++i) {
        set(i, philox_round({{word[0][i], word[1][i], word[2][i], word[3][i]}}, of_round));
      }
      of_round.next();
    }
  }

  // Of one of the channels.
  HOST_DEVICE void to_normals(int32_t channel, int32_t count, float* __restrict out) const {
    const uint32_t* __restrict radius = word[channel % 4 / 2 * 2];
    const uint32_t* __restrict angle = word[channel % 4 / 2 * 2 + 1];
    const bool by_sine = channel % 2 == 1;
    for (int32_t i = 0; i < count; ++i) {
      out[i] = standard_normal(radius[i], angle[i], by_sine);
    }
  }

 private:
  HOST_DEVICE void set(int32_t i, Philox4 words) {
    word[0][i] = words.word[0];
    word[1][i] = words.word[1];
    word[2][i] = words.word[2];
    word[3][i] = words.word[3];
  }
};

// Planes of floats, for apply_step.
struct Planes {
  float* first;
  int64_t stride;  // from plane to plane
  int32_t channels;
  int32_t count;
  int32_t first_pixel;  // its number in the image

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

  template <typename Change>
  HOST_DEVICE void each_normal(uint64_t key, const Change& change) const {
    const Change own = change;  // a copy that no store reaches
    NormalWords words;
    float normal[NormalWords::kPixels];
    for (int32_t begin = 0; begin < count; begin += NormalWords::kPixels) {
      const int32_t part = min_of(NormalWords::kPixels, count - begin);
      for (int32_t c = 0; c < channels; ++c) {
        if (c % 4 == 0) {
          words.draw(key, first_pixel + begin, c, part);
        }
        words.to_normals(c, part, normal);
        float* plane = first + c * stride + begin;
        for (int32_t i = 0; i < part; ++i) {
          plane[i] = own(plane[i], normal[i]);
        }
      }
    }
  }
};

WARPMIX_SIMD_WIDE_CLONES void change_planes(const ColorStep& step, const Planes& planes) {
  const Planes own = planes;  // a copy that no store reaches
  apply_step(step, own);
}

// 2^24 at most, so that 64 of them fit into 32 bits.
WARPMIX_SIMD_WIDE_CLONES int64_t sum_plane(const float* plane, int32_t count) {
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

// ---- occlusion ----------------------------------------------------------------------------------

// Of `count` pixels from number `first_pixel` of their image on.
WARPMIX_SIMD_WIDE_CLONES void fill_normals(uint64_t key, int32_t first_pixel, int32_t channel,
                                           int32_t count, float* __restrict out) {
  NormalWords words;
  for (int32_t begin = 0; begin < count; begin += NormalWords::kPixels) {
    const int32_t part = min_of(NormalWords::kPixels, count - begin);
    words.draw(key, first_pixel + begin, channel, part);
    words.to_normals(channel, part, out + begin);
  }
}

// ---- mix and output -----------------------------------------------------------------------------

WARPMIX_SIMD_CLONES void blend_plane(float* __restrict own, const float* __restrict partner,
                                     int32_t count, float lam, bool clips) {
  for (int32_t i = 0; i < count; ++i) {
    own[i] = blend(own[i], partner[i], lam, clips);
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
WARPMIX_STORES(BFloat16)
WARPMIX_STORES(uint8_t)
#undef WARPMIX_STORES

WARPMIX_SIMD_DEFAULT void store_plane(const float* __restrict plane, int32_t count, float scale,
                                      float bias, Half* __restrict out) {
  for (int32_t i = 0; i < count; ++i) {
    out[i] = rounded<Half>(normalise(plane[i], scale, bias));
  }
}

#if defined(WARPMIX_SIMD_V3)

// By the instruction, which keeps a NaN's payload where `rounded` has one NaN of either sign.
WARPMIX_SIMD_V3 void store_plane(const float* plane, int32_t count, float scale, float bias,
                                 Half* out) {
  const __m256i infinity = _mm256_set1_epi32(0x7F800000);
  const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
  int32_t i = 0;
  for (; i + kFloats <= count; i += kFloats) {
    const Floats value = normalise(load_floats(plane + i), Floats{} + scale, Floats{} + bias);
    const __m128i halves =
        _mm256_cvtps_ph(reinterpret_cast<__m256>(value), _MM_FROUND_TO_NEAREST_INT);
    const __m256i bits = _mm256_and_si256(reinterpret_cast<__m256i>(value), magnitude);
    const __m256i is_nan = _mm256_cmpgt_epi32(bits, infinity);
    const __m128i nan_halves =
        _mm_packs_epi32(_mm256_castsi256_si128(is_nan), _mm256_extracti128_si256(is_nan, 1));
    const __m128i nan =
        _mm_or_si128(_mm_and_si128(halves, _mm_set1_epi16(INT16_MIN)), _mm_set1_epi16(0x7E00));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), _mm_blendv_epi8(halves, nan, nan_halves));
  }
  for (; i < count; ++i) {
    out[i] = rounded<Half>(normalise(plane[i], scale, bias));
  }
}

#endif

}  // namespace

}  // namespace warpmix::augment
