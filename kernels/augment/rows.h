// The CPU's inner loops: bands of rows as vectors, every element with its own coefficients, so that
// CutMix, occlusion and the channels need no branch. The arithmetic is pixel.h's.
#pragma once

#include "../simd.h"
#include "pixel.h"

namespace warpmix::augment {

// ---- arithmetic ---------------------------------------------------------------------------------

// One coefficient an element of a row; the same for every row of a band. Both are 0 where black:
// v · 0 + 0 is 0 and stays so through the clip.
struct Coefficients {
  const float* factor;
  const float* offset;
};

// Rows of `count` elements, `stride` apart.
template <typename T>
struct Band {
  T* data;
  int64_t stride;
};

template <typename Source, typename Out>
HOST_DEVICE void shade_row(const Source* __restrict own, const float* __restrict factor,
                           const float* __restrict offset, const float* __restrict scale,
                           const float* __restrict bias, Out* __restrict out, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    const float value = contrast(static_cast<float>(own[i]), factor[i], offset[i]);
    out[i] = rounded<Out>(normalise(value, scale[i], bias[i]));
  }
}

// The partner's row first, as floats; then the blend with it.
template <typename Source, typename Out>
HOST_DEVICE void blend_row(const Source* __restrict own, const float* __restrict factor,
                           const float* __restrict offset, const float* __restrict partner,
                           float lam, const float* __restrict scale, const float* __restrict bias,
                           Out* __restrict out, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    const float value = contrast(static_cast<float>(own[i]), factor[i], offset[i]);
    out[i] = rounded<Out>(normalise(blend(value, partner[i], lam), scale[i], bias[i]));
  }
}

// GCC clones functions, not templates: one overload a type pair, each in the machine's best form.
#define WARPMIX_ROW_LOOPS(Source, Out)                                                            \
  WARPMIX_SIMD_CLONES void shade(Band<const Source> own, Coefficients at, const float* scale,     \
                                 const float* bias, Band<Out> out, int32_t count, int32_t rows) { \
    for (int32_t y = 0; y < rows; ++y) {                                                          \
      shade_row(own.data + y * own.stride, at.factor, at.offset, scale, bias,                     \
                out.data + y * out.stride, count);                                                \
    }                                                                                             \
  }                                                                                               \
  WARPMIX_SIMD_CLONES void shade(Band<const Source> own, Coefficients at,                         \
                                 Band<const float> partner, float lam, const float* scale,        \
                                 const float* bias, Band<Out> out, int32_t count, int32_t rows) { \
    for (int32_t y = 0; y < rows; ++y) {                                                          \
      blend_row(own.data + y * own.stride, at.factor, at.offset,                                  \
                partner.data + y * partner.stride, lam, scale, bias, out.data + y * out.stride,   \
                count);                                                                           \
    }                                                                                             \
  }

namespace {
WARPMIX_ROW_LOOPS(uint8_t, float)
WARPMIX_ROW_LOOPS(uint8_t, Half)
WARPMIX_ROW_LOOPS(uint8_t, BFloat16)
WARPMIX_ROW_LOOPS(uint8_t, uint8_t)
WARPMIX_ROW_LOOPS(float, float)
WARPMIX_ROW_LOOPS(float, Half)
WARPMIX_ROW_LOOPS(float, BFloat16)
WARPMIX_ROW_LOOPS(float, uint8_t)
}  // namespace
#undef WARPMIX_ROW_LOOPS

// ---- copies -------------------------------------------------------------------------------------

// `bytes` in whole words of kWord, the last one overlapping the one before; bytes >= kWord.
template <int kWord>
HOST_DEVICE void copy_words(char* to, const char* from, int64_t bytes) {
  for (int64_t i = 0; i + kWord < bytes; i += kWord) {
    std::memcpy(to + i, from + i, kWord);
  }
  std::memcpy(to + bytes - kWord, from + bytes - kWord, kWord);
}

// memcpy for the few dozen bytes of a run, where the call would cost more than the copy.
HOST_DEVICE void copy_bytes(void* out, const void* in, int64_t bytes) {
  char* to = static_cast<char*>(out);
  const char* from = static_cast<const char*>(in);
  if (bytes >= 256) {
    std::memcpy(to, from, bytes);
  } else if (bytes >= 32) {
    copy_words<32>(to, from, bytes);
  } else if (bytes >= 8) {
    copy_words<8>(to, from, bytes);
  } else {
    copy_words<1>(to, from, bytes);
  }
}

namespace {

// `rows` blocks of `bytes`: the same place of each source row, or nothing where that is null.
WARPMIX_SIMD_CLONES void copy_blocks(const char* const* rows_from, int64_t offset, int32_t rows,
                                     int64_t bytes, char* out, int64_t stride) {
  for (int32_t y = 0; y < rows; ++y, out += stride) {
    if (rows_from[y] != nullptr) {
      copy_bytes(out, rows_from[y] + offset, bytes);
    }
  }
}

// Three interleaved channels to three planes `plane` apart, and back.
WARPMIX_SIMD_CLONES void split_pixels(const uint8_t* __restrict in, uint8_t* __restrict out,
                                      int64_t plane, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    out[i] = in[3 * i];
    out[plane + i] = in[3 * i + 1];
    out[2 * plane + i] = in[3 * i + 2];
  }
}

WARPMIX_SIMD_CLONES void join_pixels(const uint8_t* __restrict in, int64_t plane,
                                     uint8_t* __restrict out, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    out[3 * i] = in[i];
    out[3 * i + 1] = in[plane + i];
    out[3 * i + 2] = in[2 * plane + i];
  }
}

}  // namespace

}  // namespace warpmix::augment
