// The CPU's loops that resample rows: sums of rows of the source, then sums along the row that they
// came to. The arithmetic is resample.h's: a product, then a sum, in the order of the taps.
#pragma once

#include "../../simd.h"
#include "../resample.h"

namespace warpmix::augment {

// Rows of a source image, `count` of them, and their weights; `offset` leads from `first` to each.
template <typename Source>
struct WeightedRows {
  const Source* first;
  const int32_t* offset;
  const float* weight;
  int32_t count;
};

template <typename Source>
HOST_DEVICE void sum_each_row(const WeightedRows<Source>& all, int32_t elements,
                              float* __restrict out) {
  const WeightedRows<Source> rows = all;  // a copy that no store reaches
  for (int32_t i = 0; i < elements; ++i) {
    out[i] = 0.0f;
  }
  for (int32_t k = 0; k < rows.count; ++k) {
    const Source* __restrict row = rows.first + rows.offset[k];
    const float weight = rows.weight[k];
    for (int32_t i = 0; i < elements; ++i) {
      out[i] = out[i] + weight * static_cast<float>(row[i]);
    }
  }
}

namespace {

#if defined(WARPMIX_SIMD_V3)
HOST_DEVICE Floats load_as_floats(const float* values) { return load_floats(values); }

WARPMIX_SIMD_V3 HOST_DEVICE Floats load_as_floats(const uint8_t* values) { return widened(values); }

// Four vectors at a time, so that sums wait for none before them. The last ones overlap those
// before.
template <typename Source>
WARPMIX_SIMD_V3 HOST_DEVICE void sum_vectors(const WeightedRows<Source>& all, int32_t elements,
                                             float* out) {
  constexpr int32_t kVectors = 4;
  constexpr int32_t kStep = kVectors * kFloats;
  const WeightedRows<Source> rows = all;
  if (elements < kStep) {
    return sum_each_row(rows, elements, out);
  }
  for (int32_t i = 0; i < elements; i += kStep) {
    const int32_t x = min_of(i, elements - kStep);
    Floats sum[kVectors] = {};
    for (int32_t k = 0; k < rows.count; ++k) {
      const Source* row = rows.first + rows.offset[k] + x;
      const Floats weight = Floats{} + rows.weight[k];
      for (int32_t v = 0; v < kVectors; ++v) {
        sum[v] = sum[v] + weight * load_as_floats(row + v * kFloats);
      }
    }
    for (int32_t v = 0; v < kVectors; ++v) {
      store_floats(out + x + v * kFloats, sum[v]);
    }
  }
}

WARPMIX_SIMD_V3 void sum_rows(const WeightedRows<uint8_t>& rows, int32_t elements, float* out) {
  sum_vectors(rows, elements, out);
}

WARPMIX_SIMD_V3 void sum_rows(const WeightedRows<float>& rows, int32_t elements, float* out) {
  sum_vectors(rows, elements, out);
}
#endif

WARPMIX_SIMD_DEFAULT void sum_rows(const WeightedRows<uint8_t>& rows, int32_t elements,
                                   float* out) {
  sum_each_row(rows, elements, out);
}

WARPMIX_SIMD_DEFAULT void sum_rows(const WeightedRows<float>& rows, int32_t elements, float* out) {
  sum_each_row(rows, elements, out);
}

}  // namespace

// The pixels that an output row's are made of: pixel x of elements `first[x]`, …, `taps` of them, a
// pixel apart, and their weights, of which those behind a shorter one's last are 0.
struct RowFilter {
  const int32_t* first;
  const float* weight;
  int32_t taps;
};

// One channel of pixels of `step` elements.
HOST_DEVICE void filter_channel(const float* __restrict row, const RowFilter& filter, int32_t step,
                                int32_t count, float* __restrict out) {
  const int32_t taps = filter.taps;
  for (int32_t x = 0; x < count; ++x) {
    const float* __restrict pixel = row + filter.first[x];
    const float* __restrict weight = filter.weight + static_cast<int64_t>(x) * taps;
    float sum = 0.0f;
    for (int32_t k = 0; k < taps; ++k) {
      sum = sum + weight[k] * pixel[k * step];
    }
    out[x] = clipped(sum);
  }
}

#if defined(__GNUC__)
// kTaps: a number that the compiler knows, or 0.
template <int kTaps>
HOST_DEVICE void filter_pixels(const float* row, const RowFilter& all, int32_t count,
                               float* __restrict red, float* __restrict green,
                               float* __restrict blue) {
  const RowFilter filter = all;
  const int32_t taps = kTaps > 0 ? kTaps : filter.taps;
  for (int32_t x = 0; x < count; ++x) {
    const float* pixel = row + filter.first[x];
    const float* weight = filter.weight + static_cast<int64_t>(x) * taps;
    FourFloats sum = {};
    for (int32_t k = 0; k < taps; ++k) {
      sum = sum + (FourFloats{} + weight[k]) * load_four_floats(pixel + 3 * k);
    }
    red[x] = clipped(sum[0]);
    green[x] = clipped(sum[1]);
    blue[x] = clipped(sum[2]);
  }
}
#endif

namespace {

// Three adjacent channels; a fourth element is read with them.
WARPMIX_SIMD_CLONES void filter_rgb(const float* row, const RowFilter& filter, int32_t count,
                                    float* red, float* green, float* blue) {
#if defined(__GNUC__)
  switch (filter.taps) {
    case 2:
      return filter_pixels<2>(row, filter, count, red, green, blue);
    case 3:
      return filter_pixels<3>(row, filter, count, red, green, blue);
    case 4:
      return filter_pixels<4>(row, filter, count, red, green, blue);
    case 5:
      return filter_pixels<5>(row, filter, count, red, green, blue);
    default:
      return filter_pixels<0>(row, filter, count, red, green, blue);
  }
#else
  filter_channel(row, filter, 3, count, red);
  filter_channel(row + 1, filter, 3, count, green);
  filter_channel(row + 2, filter, 3, count, blue);
#endif
}

// Three planes of `count` floats to pixels.
WARPMIX_SIMD_CLONES void join_planes(const float* __restrict planes, int32_t count,
                                     float* __restrict out) {
  for (int32_t i = 0; i < count; ++i) {
    out[3 * i] = planes[i];
    out[3 * i + 1] = planes[count + i];
    out[3 * i + 2] = planes[2 * count + i];
  }
}

WARPMIX_SIMD_CLONES void filter_row(const float* row, const RowFilter& filter, int32_t step,
                                    int32_t count, float* out) {
  filter_channel(row, filter, step, count, out);
}

}  // namespace

}  // namespace warpmix::augment
