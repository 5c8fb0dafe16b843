// The CPU's bicubic sampling, of four pixels at a time where their sixteen taps lie side by side in
// the image. The arithmetic is sampling.h's.
#pragma once

#include <vector>

#include "bilinear_sampler.h"
#include "cubic_rows.h"

namespace warpmix::augment {

// An image, and how it is sampled.
template <typename Source>
struct CubicImage {
  const Source* image;
  int64_t size;            // elements that can be read from `image` on
  const int32_t* columns;  // offsets in elements of each column and row, or kOutside
  const int32_t* rows;
  Fold across, down;
  int32_t pixel_stride, row_stride, channel_stride, channels;
  bool is_plain;  // columns and rows have their own places
  const float* fill;
};

// A channel of pixel i, wherever its taps lie.
template <typename Source>
HOST_DEVICE float cubic_value(const CubicImage<Source>& of, const CubicRow& row, int32_t i,
                              int32_t channel) {
  CubicTaps across, down;
  for (int32_t k = 0; k < 4; ++k) {
    across.at[k] = of.columns[folded(row.left[i] + k, of.across)];
    down.at[k] = of.rows[folded(row.top[i] + k, of.down)];
  }
  across.weights = {row.across[0][i], row.across[1][i], row.across[2][i]};
  down.weights = {row.down[0][i], row.down[1][i], row.down[2][i]};
  const Source* const plane = of.image + static_cast<int64_t>(channel) * of.channel_stride;
  const auto load = [&](int32_t column, int32_t line, float (&tap)[1]) {
    tap[0] = (column | line) < 0 ? of.fill[channel] : static_cast<float>(plane[column + line]);
  };
  float value;
  cubic_sample<1>(across, down, load, &value);
  return value;
}

template <typename Source>
HOST_DEVICE void sample_each_cubic(const CubicImage<Source>& of, const CubicRow& row, int32_t count,
                                   float* out, int64_t plane) {
  for (int32_t c = 0; c < of.channels; ++c) {
    for (int32_t i = 0; i < count; ++i) {
      out[c * plane + i] = row.outside[i] != 0 ? of.fill[c] : cubic_value(of, row, i, c);
    }
  }
}

namespace {

WARPMIX_SIMD_DEFAULT void sample_cubic(const CubicImage<uint8_t>& of, const CubicRow& row,
                                       int32_t count, float* out, int64_t plane) {
  sample_each_cubic(of, row, count, out, plane);
}

WARPMIX_SIMD_DEFAULT void sample_cubic(const CubicImage<float>& of, const CubicRow& row,
                                       int32_t count, float* out, int64_t plane) {
  sample_each_cubic(of, row, count, out, plane);
}

}  // namespace

#if defined(WARPMIX_SIMD_V3)

// Where the taps of pixel i begin, if they lie side by side in the image, and so do as many
// elements of each row as are read; else -1.
template <typename Source>
HOST_DEVICE int64_t first_of_taps(const CubicImage<Source>& of, const CubicRow& row, int32_t i,
                                  int32_t read) {
  const int32_t x = row.left[i];
  const int32_t y = row.top[i];
  const bool is_inside = x >= 0 && x + 3 < of.across.size && y >= 0 && y + 3 < of.down.size;
  const int64_t first = static_cast<int64_t>(y) * of.row_stride + x * of.pixel_stride;
  const int64_t last = first + 3 * static_cast<int64_t>(of.row_stride) + read;
  return of.is_plain && is_inside && row.outside[i] == 0 && last <= of.size ? first : -1;
}

WARPMIX_SIMD_V3 HOST_DEVICE __m128 cubic_between(__m128 first, __m128 second, __m128 third,
                                                 __m128 fourth, const __m128 (&weights)[3]) {
  return _mm_add_ps(second,
                    _mm_add_ps(_mm_add_ps(_mm_mul_ps(weights[0], _mm_sub_ps(first, second)),
                                          _mm_mul_ps(weights[1], _mm_sub_ps(third, second))),
                               _mm_mul_ps(weights[2], _mm_sub_ps(fourth, second))));
}

WARPMIX_SIMD_V3 HOST_DEVICE __m128 clipped_bytes(__m128 value) {
  return _mm_min_ps(_mm_max_ps(value, _mm_setzero_ps()), _mm_set1_ps(255.0f));
}

// Two pixels of three adjacent channels, four lanes each, and the two after them.
struct FourColumns {
  Floats first, second;
};

constexpr int32_t kRgbBytes = 16;  // that are read for twelve
constexpr int32_t kRgbFloats = 13;

WARPMIX_SIMD_V3 HOST_DEVICE FourColumns load_columns(const uint8_t* bytes) {
  const __m256i all =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
  const __m256i first =
      _mm256_setr_epi8(0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, 2, -1, -1, -1, 3, -1, -1, -1, 4,
                       -1, -1, -1, 5, -1, -1, -1, 5, -1, -1, -1);
  const __m256i second =
      _mm256_setr_epi8(6, -1, -1, -1, 7, -1, -1, -1, 8, -1, -1, -1, 8, -1, -1, -1, 9, -1, -1, -1,
                       10, -1, -1, -1, 11, -1, -1, -1, 11, -1, -1, -1);
  return {reinterpret_cast<Floats>(_mm256_cvtepi32_ps(_mm256_shuffle_epi8(all, first))),
          reinterpret_cast<Floats>(_mm256_cvtepi32_ps(_mm256_shuffle_epi8(all, second)))};
}

WARPMIX_SIMD_V3 HOST_DEVICE FourColumns load_columns(const float* values) {
  return {reinterpret_cast<Floats>(_mm256_loadu2_m128(values + 3, values)),
          reinterpret_cast<Floats>(_mm256_loadu2_m128(values + 9, values + 6))};
}

WARPMIX_SIMD_V3 HOST_DEVICE __m128 load_four(const uint8_t* bytes) {
  int32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(word)));
}

WARPMIX_SIMD_V3 HOST_DEVICE __m128 load_four(const float* values) { return _mm_loadu_ps(values); }

// Pixel i of three adjacent channels, whose taps begin at `taps`.
template <typename Source>
WARPMIX_SIMD_V3 HOST_DEVICE __m128 cubic_rgb(const Source* taps, int32_t row_stride,
                                             const CubicRow& row, int32_t i) {
  FourColumns line[4];
  for (int32_t k = 0; k < 4; ++k) {
    line[k] = load_columns(taps + k * static_cast<int64_t>(row_stride));
  }
  const Floats down[3] = {Floats{} + row.down[0][i], Floats{} + row.down[1][i],
                          Floats{} + row.down[2][i]};
  const __m256 left = reinterpret_cast<__m256>(augment::cubic_between<Floats>(
      line[0].first, line[1].first, line[2].first, line[3].first, down[0], down[1], down[2]));
  const __m256 right = reinterpret_cast<__m256>(augment::cubic_between<Floats>(
      line[0].second, line[1].second, line[2].second, line[3].second, down[0], down[1], down[2]));
  const __m128 across[3] = {_mm_set1_ps(row.across[0][i]), _mm_set1_ps(row.across[1][i]),
                            _mm_set1_ps(row.across[2][i])};
  return cubic_between(_mm256_castps256_ps128(left), _mm256_extractf128_ps(left, 1),
                       _mm256_castps256_ps128(right), _mm256_extractf128_ps(right, 1), across);
}

// Four pixels from `first` on, whose channels are adjacent.
template <typename Source>
WARPMIX_SIMD_V3 HOST_DEVICE void four_cubic_rgb(const CubicImage<Source>& of, const CubicRow& row,
                                                int32_t first, float* out, int64_t plane) {
  __m128 pixel[4];
  for (int32_t k = 0; k < 4; ++k) {
    const int32_t i = first + k;
    const int64_t taps = first_of_taps(of, row, i, sizeof(Source) == 1 ? kRgbBytes : kRgbFloats);
    if (taps >= 0) {
      pixel[k] = clipped_bytes(cubic_rgb(of.image + taps, of.row_stride, row, i));
      continue;
    }
    float value[4] = {of.fill[0], of.fill[1], of.fill[2], 0.0f};
    for (int32_t c = 0; c < 3 && row.outside[i] == 0; ++c) {
      value[c] = cubic_value(of, row, i, c);
    }
    pixel[k] = _mm_loadu_ps(value);
  }
  _MM_TRANSPOSE4_PS(pixel[0], pixel[1], pixel[2], pixel[3]);
  for (int32_t c = 0; c < 3; ++c) {
    _mm_storeu_ps(out + c * plane + first, pixel[c]);
  }
}

// Likewise of one channel, whose pixels are adjacent.
template <typename Source>
WARPMIX_SIMD_V3 HOST_DEVICE void four_cubic_values(const CubicImage<Source>& of,
                                                   const CubicRow& row, int32_t first,
                                                   int32_t channel, float* out) {
  const Source* const plane = of.image + static_cast<int64_t>(channel) * of.channel_stride;
  __m128 columns[4] = {_mm_setzero_ps(), _mm_setzero_ps(), _mm_setzero_ps(), _mm_setzero_ps()};
  bool is_fast[4];
  for (int32_t k = 0; k < 4; ++k) {
    const int32_t i = first + k;
    const int64_t taps = first_of_taps(of, row, i, 0);  // all that are read lie in the row
    is_fast[k] = taps >= 0;
    if (is_fast[k]) {
      const Source* const begin = plane + taps;
      const __m128 down[3] = {_mm_set1_ps(row.down[0][i]), _mm_set1_ps(row.down[1][i]),
                              _mm_set1_ps(row.down[2][i])};
      const int64_t stride = of.row_stride;
      columns[k] =
          cubic_between(load_four(begin), load_four(begin + stride), load_four(begin + 2 * stride),
                        load_four(begin + 3 * stride), down);
    }
  }
  _MM_TRANSPOSE4_PS(columns[0], columns[1], columns[2], columns[3]);
  const __m128 across[3] = {_mm_loadu_ps(row.across[0] + first),
                            _mm_loadu_ps(row.across[1] + first),
                            _mm_loadu_ps(row.across[2] + first)};
  _mm_storeu_ps(out + first, clipped_bytes(cubic_between(columns[0], columns[1], columns[2],
                                                         columns[3], across)));
  for (int32_t k = 0; k < 4; ++k) {
    const int32_t i = first + k;
    if (!is_fast[k]) {
      out[i] = row.outside[i] != 0 ? of.fill[channel] : cubic_value(of, row, i, channel);
    }
  }
}

template <typename Source>
WARPMIX_SIMD_V3 HOST_DEVICE void sample_cubic_vectors(const CubicImage<Source>& of,
                                                      const CubicRow& row, int32_t count,
                                                      float* out, int64_t plane) {
  constexpr int32_t kPixels = 4;  // the last ones overlap those before
  if (count < kPixels) {
    return sample_each_cubic(of, row, count, out, plane);
  }
  if (of.channels == 3 && of.channel_stride == 1 && of.pixel_stride == 3) {
    for (int32_t i = 0; i < count; i += kPixels) {
      four_cubic_rgb(of, row, min_of(i, count - kPixels), out, plane);
    }
  } else if (of.pixel_stride == 1) {
    for (int32_t c = 0; c < of.channels; ++c) {
      for (int32_t i = 0; i < count; i += kPixels) {
        four_cubic_values(of, row, min_of(i, count - kPixels), c, out + c * plane);
      }
    }
  } else {
    sample_each_cubic(of, row, count, out, plane);
  }
}

namespace {

WARPMIX_SIMD_V3 void sample_cubic(const CubicImage<uint8_t>& of, const CubicRow& row, int32_t count,
                                  float* out, int64_t plane) {
  sample_cubic_vectors(of, row, count, out, plane);
}

WARPMIX_SIMD_V3 void sample_cubic(const CubicImage<float>& of, const CubicRow& row, int32_t count,
                                  float* out, int64_t plane) {
  sample_cubic_vectors(of, row, count, out, plane);
}

}  // namespace

#endif

// Owns the numbers of a row's pixels, so one a thread.
template <typename Source>
class CubicRows {
 public:
  explicit CubicRows(int32_t width)
      : width_(width),
        whole_(static_cast<size_t>(3) * width),
        weights_(static_cast<size_t>(6) * width) {}

  // A row of the result of a map to `out`, a plane a channel; `columns` and `y` are those of the
  // map's result, or kOutside.
  void sample(const AugmentParams& params, const SampledImage<Source>& image, const Map& map,
              const int32_t* columns, int32_t y, float* out, int64_t plane) {
    const Border border = params.program.map_border;
    const CubicRow row = numbers();
    mapped_cubic_row(map, border == Border::kConstant, columns, y, width_, image.width,
                     image.height, row);
    sample_cubic({image.image, image.size, image.pre_columns, image.pre_rows,
                  fold_of(border, image.width), fold_of(border, image.height), params.pixel_stride,
                  image.row_stride, params.channel_stride, params.channels,
                  params.program.map_begin == 0, params.program.fill},
                 row, width_, out, plane);
  }

  // Row y of what a projection makes of an image.
  void sample(const CubicImage<Source>& image, const Projection& projection, int32_t y, float* out,
              int64_t plane) {
    const CubicRow row = numbers();
    projected_cubic_row(projection, y, width_, image.down.size, row);
    sample_cubic(image, row, width_, out, plane);
  }

 private:
  CubicRow numbers() {
    int32_t* const whole = whole_.data();
    float* const weights = weights_.data();
    const auto axis = [&](int32_t i) { return weights + i * width_; };
    return {whole,
            whole + width_,
            {axis(0), axis(1), axis(2)},
            {axis(3), axis(4), axis(5)},
            whole + 2 * width_};
  }

  const int32_t width_;
  std::vector<int32_t> whole_;
  std::vector<float> weights_;
};

}  // namespace warpmix::augment
