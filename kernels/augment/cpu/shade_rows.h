// The CPU's inner loops: bands of rows as vectors, every element with its own coefficients, so that
// CutMix, occlusion and the channels need no branch. The arithmetic is color.h's, mix.h's and
// output.h's.
#pragma once

#include "../../simd.h"
#include "../color.h"
#include "../mix.h"
#include "../output.h"
#include "coordinate_tables.h"

namespace warpmix::augment {

// ---- arithmetic ---------------------------------------------------------------------------------

// One coefficient an element of a row; the same for every row of a band. Both are 0 where black:
// v · 0 + 0 is 0 and stays so through the clip.
struct Coefficients {
  const float* factor;
  const float* offset;

  Coefficients from(int32_t element) const { return {factor + element, offset + element}; }
};

// Rows of `count` elements, `stride` apart. `streams`: better written past the caches.
template <typename T>
struct Band {
  T* data;
  int64_t stride;
  bool streams = false;
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

template <typename Source, typename Out>
HOST_DEVICE void shade_each(const Band<const Source>& own, Coefficients at, const float* scale,
                            const float* bias, const Band<Out>& out, int32_t count, int32_t rows) {
  for (int32_t y = 0; y < rows; ++y) {
    shade_row(own.data + y * own.stride, at.factor, at.offset, scale, bias,
              out.data + y * out.stride, count);
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

template <typename Source, typename Out>
HOST_DEVICE void blend_each(const Band<const Source>& own, Coefficients at,
                            const Band<const float>& partner, float lam, const float* scale,
                            const float* bias, const Band<Out>& out, int32_t count, int32_t rows) {
  for (int32_t y = 0; y < rows; ++y) {
    blend_row(own.data + y * own.stride, at.factor, at.offset, partner.data + y * partner.stride,
              lam, scale, bias, out.data + y * out.stride, count);
  }
}

// GCC clones functions, not templates: one overload a type pair, each in the machine's best form.
#define WARPMIX_SHADES(versions, Source, Out)                                                 \
  versions void shade(const Band<const Source>& own, Coefficients at, const float* scale,     \
                      const float* bias, const Band<Out>& out, int32_t count, int32_t rows) { \
    shade_each(own, at, scale, bias, out, count, rows);                                       \
  }                                                                                           \
  versions void shade(const Band<const Source>& own, Coefficients at,                         \
                      const Band<const float>& partner, float lam, const float* scale,        \
                      const float* bias, const Band<Out>& out, int32_t count, int32_t rows) { \
    blend_each(own, at, partner, lam, scale, bias, out, count, rows);                         \
  }

namespace {
WARPMIX_SHADES(WARPMIX_SIMD_DEFAULT, uint8_t, float)
WARPMIX_SHADES(WARPMIX_SIMD_CLONES, uint8_t, Half)
WARPMIX_SHADES(WARPMIX_SIMD_CLONES, uint8_t, BFloat16)
WARPMIX_SHADES(WARPMIX_SIMD_CLONES, uint8_t, uint8_t)
WARPMIX_SHADES(WARPMIX_SIMD_CLONES, float, float)
WARPMIX_SHADES(WARPMIX_SIMD_CLONES, float, Half)
WARPMIX_SHADES(WARPMIX_SIMD_CLONES, float, BFloat16)
WARPMIX_SHADES(WARPMIX_SIMD_CLONES, float, uint8_t)

#if defined(WARPMIX_SIMD_V3)
// The common pair by hand, eight elements from x on of row y.
struct Shaded {
  Band<const uint8_t> own;
  Coefficients at;

  WARPMIX_SIMD_V3 HOST_DEVICE Floats operator()(int64_t y, int64_t x) const {
    return contrast(widened(own.data + y * own.stride + x), load_floats(at.factor + x),
                    load_floats(at.offset + x));
  }
};

struct Blended {
  Shaded own;
  Band<const float> partner;
  float lam;

  WARPMIX_SIMD_V3 HOST_DEVICE Floats operator()(int64_t y, int64_t x) const {
    return blend(own(y, x), load_floats(partner.data + y * partner.stride + x), lam);
  }
};

// What will be written soon. A store that misses the cache holds up all behind it; 6 KiB ahead were
// the best of 1.5 to 12, and on a machine busy with other work save up to a third of the time.
HOST_DEVICE void prefetch_output(const float* row, int64_t count) {
  constexpr int64_t kAhead = 6144;
  constexpr int64_t kLine = 64;
  const char* ahead = reinterpret_cast<const char*>(row) + kAhead;
  for (int64_t i = 0; i < count * static_cast<int64_t>(sizeof(float)); i += kLine) {
    __builtin_prefetch(ahead + i, 1);
  }
}

// A row's last vector overlaps the one before, so that there is no rest; count >= kFloats.
template <typename Value>
WARPMIX_SIMD_V3 HOST_DEVICE void store_rows(const Value& value, const float* scale,
                                            const float* bias, const Band<float>& out,
                                            int64_t count, int32_t rows) {
  const bool streams = out.streams && count % kFloats == 0 && out.stride % kFloats == 0 &&
                       reinterpret_cast<uintptr_t>(out.data) % sizeof(Floats) == 0;
  for (int32_t y = 0; y < rows; ++y) {
    float* row = out.data + y * out.stride;
    if (!streams) {
      prefetch_output(row, count);
    }
    for (int64_t i = 0; i < count; i += kFloats) {
      const int64_t x = min_of<int64_t>(i, count - kFloats);
      const Floats result = normalise(value(y, x), load_floats(scale + x), load_floats(bias + x));
      streams ? stream_floats(row + x, result) : store_floats(row + x, result);
    }
  }
}

WARPMIX_SIMD_V3 void shade(const Band<const uint8_t>& own, Coefficients at, const float* scale,
                           const float* bias, const Band<float>& out, int32_t count, int32_t rows) {
  if (count >= kFloats) {
    return store_rows(Shaded{own, at}, scale, bias, out, count, rows);
  }
  shade_each(own, at, scale, bias, out, count, rows);
}

WARPMIX_SIMD_V3 void shade(const Band<const uint8_t>& own, Coefficients at,
                           const Band<const float>& partner, float lam, const float* scale,
                           const float* bias, const Band<float>& out, int32_t count, int32_t rows) {
  if (count >= kFloats) {
    return store_rows(Blended{{own, at}, partner, lam}, scale, bias, out, count, rows);
  }
  blend_each(own, at, partner, lam, scale, bias, out, count, rows);
}
#endif
}  // namespace
#undef WARPMIX_SHADES

namespace {

// Those of a row of `count` elements: `side_factor` and `side_offset`, but black outside `keep`.
WARPMIX_SIMD_CLONES void keep_coefficients(float side_factor, const float* __restrict side_offset,
                                           Range keep, int32_t count, float* __restrict factor,
                                           float* __restrict offset) {
  for (int32_t i = 0; i < count; ++i) {
    const float value = side_offset[i];
    factor[i] = inside(i, keep.begin, keep.end) ? side_factor : 0.0f;
    offset[i] = inside(i, keep.begin, keep.end) ? value : 0.0f;
  }
}

// CutMix: `own`, but `partner` in `cut`.
WARPMIX_SIMD_CLONES void cut_coefficients(Coefficients own, Coefficients partner, Range cut,
                                          int32_t count, float* __restrict factor,
                                          float* __restrict offset) {
  const float* __restrict own_factor = own.factor;
  const float* __restrict own_offset = own.offset;
  const float* __restrict partner_factor = partner.factor;
  const float* __restrict partner_offset = partner.offset;
  for (int32_t i = 0; i < count; ++i) {  // loads first: a choice between loads makes no vectors
    const float factors[2] = {own_factor[i], partner_factor[i]};
    const float offsets[2] = {own_offset[i], partner_offset[i]};
    factor[i] = inside(i, cut.begin, cut.end) ? factors[1] : factors[0];
    offset[i] = inside(i, cut.begin, cut.end) ? offsets[1] : offsets[0];
  }
}

}  // namespace

}  // namespace warpmix::augment
