// Between three interleaved channels and planes of floats: what the CPU's general path reads and
// writes most. By hand where there is AVX2, since GCC (12) takes three times the instructions.
#pragma once

#include "../../simd.h"
#include "../output.h"
#include "byte_copies.h"

namespace warpmix::augment {

// Planes of floats, `stride` apart, of red, green and blue.
template <typename T>
struct RgbPlanes {
  T* first;
  int64_t stride;

  HOST_DEVICE T* channel(int32_t c) const { return first + c * stride; }
};

// What `normalise` takes, of three channels.
struct RgbScale {
  float scale[3], bias[3];
};

// ---- any machine --------------------------------------------------------------------------------

HOST_DEVICE void widen_each(const uint8_t* __restrict in, int32_t step, int32_t count,
                            RgbPlanes<float> out) {
  float* __restrict red = out.channel(0);
  float* __restrict green = out.channel(1);
  float* __restrict blue = out.channel(2);
  for (int32_t i = 0; i < count; ++i, in += step) {
    red[i] = static_cast<float>(in[0]);
    green[i] = static_cast<float>(in[1]);
    blue[i] = static_cast<float>(in[2]);
  }
}

HOST_DEVICE void widen_each_row(const Blocks& blocks, bool mirrored, RgbPlanes<float> out,
                                int64_t stride) {
  const int32_t count = static_cast<int32_t>(blocks.bytes / 3);
  for (int32_t y = 0; y < blocks.rows; ++y, out.first += stride) {
    if (const uint8_t* in = blocks.source(y)) {
      widen_each(mirrored ? in + blocks.bytes - 3 : in, mirrored ? -3 : 3, count, out);
    }
  }
}

template <typename Out>
HOST_DEVICE void store_each(RgbPlanes<const float> planes, int32_t count, RgbScale by,
                            Out* __restrict out) {
  for (int32_t c = 0; c < 3; ++c) {
    const float* __restrict plane = planes.channel(c);
    for (int32_t i = 0; i < count; ++i) {
      out[3 * i + c] = rounded<Out>(normalise(plane[i], by.scale[c], by.bias[c]));
    }
  }
}

namespace {

#define WARPMIX_WIDENS(T)                                                             \
  WARPMIX_SIMD_CLONES void widen_plane(const T* __restrict in, float* __restrict out, \
                                       int32_t count) {                               \
    for (int32_t i = 0; i < count; ++i) {                                             \
      out[i] = widen(in[i]);                                                          \
    }                                                                                 \
  }
WARPMIX_WIDENS(uint8_t)
WARPMIX_WIDENS(BFloat16)
#undef WARPMIX_WIDENS

WARPMIX_SIMD_DEFAULT void widen_plane(const Half* __restrict in, float* __restrict out,
                                      int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    out[i] = widen(in[i]);
  }
}

// Rows of pixels to rows of planes, `stride` apart; mirrored: each row's last pixel first.
WARPMIX_SIMD_DEFAULT void widen_rows(const Blocks& blocks, bool mirrored, RgbPlanes<float> out,
                                     int64_t stride) {
  widen_each_row(blocks, mirrored, out, stride);
}

#define WARPMIX_STORES(Out)                                                            \
  WARPMIX_SIMD_DEFAULT void store_pixels(RgbPlanes<const float> planes, int32_t count, \
                                         RgbScale by, bool, Out* out) {                \
    store_each(planes, count, by, out);                                                \
  }
WARPMIX_STORES(float)
WARPMIX_STORES(Half)
WARPMIX_STORES(BFloat16)
WARPMIX_STORES(uint8_t)
#undef WARPMIX_STORES

}  // namespace

// ---- AVX2 ---------------------------------------------------------------------------------------

#if defined(WARPMIX_SIMD_V3)

constexpr int32_t kPixels = 8;  // that are made together: a vector of floats a channel

// Where the bytes of a channel's eight pixels lie in two loads, of bytes 0 to 15 and of 8 to 23.
struct ByteOrder {
  alignas(16) char low[3][16];
  alignas(16) char high[3][16];
};

constexpr ByteOrder byte_order(bool mirrored) {
  ByteOrder order = {};
  for (int c = 0; c < 3; ++c) {
    for (int i = 0; i < 16; ++i) {
      const int byte = 3 * (mirrored ? kPixels - 1 - i : i) + c;
      const bool is_low = i < kPixels && byte < 16;
      const bool is_high = i < kPixels && byte >= 16;
      order.low[c][i] = static_cast<char>(is_low ? byte : -1);  // -1 gives 0
      order.high[c][i] = static_cast<char>(is_high ? byte - 8 : -1);
    }
  }
  return order;
}

template <bool kMirrored>
WARPMIX_SIMD_V3 HOST_DEVICE void widen_vectors(const uint8_t* in, int32_t count,
                                               RgbPlanes<float> out) {
  static constexpr ByteOrder kOrder = byte_order(kMirrored);
  for (int32_t i = 0; i < count; i += kPixels) {
    // The last vector overlaps the one before. Upwards through the source, which is in no cache
    // yet: no processor runs ahead of a loop that reads it downwards, and that took five times as
    // long.
    const int32_t from = min_of(i, count - kPixels);
    const int32_t to = kMirrored ? count - kPixels - from : from;
    const auto* bytes = reinterpret_cast<const __m128i*>(in + static_cast<int64_t>(from) * 3);
    const __m128i low = _mm_loadu_si128(bytes);
    const __m128i high = _mm_loadl_epi64(bytes + 1);
    const __m128i upper = _mm_alignr_epi8(high, low, 8);
    for (int c = 0; c < 3; ++c) {
      const auto* in_low = reinterpret_cast<const __m128i*>(kOrder.low[c]);
      const auto* in_high = reinterpret_cast<const __m128i*>(kOrder.high[c]);
      const __m128i channel = _mm_or_si128(_mm_shuffle_epi8(low, _mm_load_si128(in_low)),
                                           _mm_shuffle_epi8(upper, _mm_load_si128(in_high)));
      _mm256_storeu_ps(out.channel(c) + to, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(channel)));
    }
  }
}

// Eight pixels from i on, normalised, to 24 floats.
WARPMIX_SIMD_V3 HOST_DEVICE void join_vectors(RgbPlanes<const float> planes, int32_t i,
                                              const RgbScale& by, Floats (&joined)[3]) {
  __m256 channel[3];
  for (int c = 0; c < 3; ++c) {
    channel[c] = reinterpret_cast<__m256>(normalise(load_floats(planes.channel(c) + i),
                                                    Floats{} + by.scale[c], Floats{} + by.bias[c]));
  }
  const __m256i pixel[3] = {_mm256_setr_epi32(0, 0, 0, 1, 1, 1, 2, 2),
                            _mm256_setr_epi32(2, 3, 3, 3, 4, 4, 4, 5),
                            _mm256_setr_epi32(5, 5, 6, 6, 6, 7, 7, 7)};
  const auto spread = [&](int c, int of) WARPMIX_SIMD_V3 {
    return _mm256_permutevar8x32_ps(channel[c], pixel[of]);
  };
  joined[0] =
      _mm256_blend_ps(_mm256_blend_ps(spread(0, 0), spread(1, 0), 0x92), spread(2, 0), 0x24);
  joined[1] =
      _mm256_blend_ps(_mm256_blend_ps(spread(0, 1), spread(1, 1), 0x24), spread(2, 1), 0x49);
  joined[2] =
      _mm256_blend_ps(_mm256_blend_ps(spread(0, 2), spread(1, 2), 0x49), spread(2, 2), 0x92);
}

WARPMIX_SIMD_V3 HOST_DEVICE void store_vectors(RgbPlanes<const float> planes, int32_t count,
                                               const RgbScale& by, bool streams, float* out) {
  streams = streams && count % kPixels == 0 && reinterpret_cast<uintptr_t>(out) % 32 == 0;
  for (int32_t i = 0; i < count; i += kPixels) {
    const int32_t first = min_of(i, count - kPixels);
    Floats joined[3];
    join_vectors(planes, first, by, joined);
    float* const to = out + static_cast<int64_t>(first) * 3;
    for (int v = 0; v < 3; ++v) {
      streams ? stream_floats(to + v * kFloats, joined[v])
              : store_floats(to + v * kFloats, joined[v]);
    }
  }
}

// Other types by floats that are rounded together: of a vector's elements one by one GCC makes
// twenty times the time.
template <typename Out>
WARPMIX_SIMD_V3 HOST_DEVICE void store_vectors(RgbPlanes<const float> planes, int32_t count,
                                               const RgbScale& by, bool, Out* out) {
  constexpr int32_t kTogether = 256;
  float joined[3 * kTogether];
  const int32_t part = min_of(kTogether, count);
  for (int32_t i = 0; i < count; i += part) {
    const int32_t first = min_of(i, count - part);
    const RgbPlanes<const float> from = {planes.first + first, planes.stride};
    store_vectors(from, part, by, false, joined);
    Out* __restrict to = out + static_cast<int64_t>(first) * 3;
    for (int32_t k = 0; k < 3 * part; ++k) {
      to[k] = rounded<Out>(joined[k]);
    }
  }
}

namespace {

// By the instruction, which gives the same bits, those of a NaN too.
WARPMIX_SIMD_V3 void widen_plane(const Half* in, float* out, int32_t count) {
  int32_t i = 0;
  for (; i + kFloats <= count; i += kFloats) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i));
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(halves));
  }
  for (; i < count; ++i) {
    out[i] = widen(in[i]);
  }
}

WARPMIX_SIMD_V3 void widen_rows(const Blocks& blocks, bool mirrored, RgbPlanes<float> out,
                                int64_t stride) {
  const int32_t count = static_cast<int32_t>(blocks.bytes / 3);
  if (count < kPixels) {
    return widen_each_row(blocks, mirrored, out, stride);
  }
  for (int32_t y = 0; y < blocks.rows; ++y, out.first += stride) {
    if (const uint8_t* in = blocks.source(y)) {
      mirrored ? widen_vectors<true>(in, count, out) : widen_vectors<false>(in, count, out);
    }
  }
}

#define WARPMIX_STORES(Out)                                                                    \
  WARPMIX_SIMD_V3 void store_pixels(RgbPlanes<const float> planes, int32_t count, RgbScale by, \
                                    bool streams, Out* out) {                                  \
    count >= kPixels ? store_vectors(planes, count, by, streams, out)                          \
                     : store_each(planes, count, by, out);                                     \
  }
WARPMIX_STORES(float)
WARPMIX_STORES(Half)
WARPMIX_STORES(BFloat16)
WARPMIX_STORES(uint8_t)
#undef WARPMIX_STORES

}  // namespace

#endif

}  // namespace warpmix::augment
