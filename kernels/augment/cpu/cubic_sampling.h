// The CPU's bicubic sampling, of four pixels at a time where their sixteen taps lie side by side in
// the image. The arithmetic is sampling.h's.
#pragma once

#include <cstring>
#include <vector>

#include "bordered_image.h"
#include "cubic_rows.h"

namespace warpmix::augment {

// Some pixels of a row: what they lie between, and where their taps begin in such a copy, or -1.
struct CubicPlaces {
  CubicRow row;
  const int32_t* first;
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
HOST_DEVICE void sample_each_cubic(const CubicImage<Source>& of, const CubicPlaces& places,
                                   int32_t count, float* out, int64_t plane) {
  const CubicRow& row = places.row;
  for (int32_t c = 0; c < of.channels; ++c) {
    for (int32_t i = 0; i < count; ++i) {
      out[c * plane + i] = row.outside[i] != 0 ? of.fill[c] : cubic_value(of, row, i, c);
    }
  }
}

namespace {

#define WARPMIX_SAMPLES(Source)                                                                   \
  WARPMIX_SIMD_DEFAULT void sample_cubic(const CubicImage<Source>& of,                            \
                                         const BorderedImage<Source>&, const CubicPlaces& places, \
                                         int32_t count, float* out, int64_t plane) {              \
    sample_each_cubic(of, places, count, out, plane);                                             \
  }
WARPMIX_SAMPLES(uint8_t)
WARPMIX_SAMPLES(float)
#undef WARPMIX_SAMPLES

}  // namespace

#if defined(WARPMIX_SIMD_V3)

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
WARPMIX_SIMD_V3 HOST_DEVICE void four_cubic_rgb(const CubicImage<Source>& of,
                                                const BorderedImage<Source>& bordered,
                                                const CubicPlaces& places, int32_t first,
                                                float* out, int64_t plane) {
  const Source* const taps = bordered.data();
  __m128 pixel[4];
  for (int32_t k = 0; k < 4; ++k) {
    const int32_t i = first + k;
    if (places.first[i] >= 0) {
      const Source* const begin = taps + places.first[i];
      pixel[k] = clipped_bytes(cubic_rgb(begin, bordered.row_stride, places.row, i));
      continue;
    }
    float value[4] = {of.fill[0], of.fill[1], of.fill[2], 0.0f};
    for (int32_t c = 0; c < 3 && places.row.outside[i] == 0; ++c) {
      value[c] = cubic_value(of, places.row, i, c);
    }
    pixel[k] = _mm_loadu_ps(value);
  }
  _MM_TRANSPOSE4_PS(pixel[0], pixel[1], pixel[2], pixel[3]);
  for (int32_t c = 0; c < 3; ++c) {
    _mm_storeu_ps(out + c * plane + first, pixel[c]);
  }
}

// Likewise of one channel, a plane by itself.
template <typename Source>
WARPMIX_SIMD_V3 HOST_DEVICE void four_cubic_values(const CubicImage<Source>& of,
                                                   const BorderedImage<Source>& bordered,
                                                   const CubicPlaces& places, int32_t first,
                                                   int32_t channel, float* out) {
  const Source* const taps = bordered.data() + channel * bordered.plane;
  const CubicRow& row = places.row;
  const int64_t stride = bordered.row_stride;
  __m128 columns[4] = {_mm_setzero_ps(), _mm_setzero_ps(), _mm_setzero_ps(), _mm_setzero_ps()};
  for (int32_t k = 0; k < 4; ++k) {
    const int32_t i = first + k;
    if (places.first[i] >= 0) {
      const Source* const begin = taps + places.first[i];
      const __m128 down[3] = {_mm_set1_ps(row.down[0][i]), _mm_set1_ps(row.down[1][i]),
                              _mm_set1_ps(row.down[2][i])};
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
    if (places.first[i] < 0) {
      out[i] = row.outside[i] != 0 ? of.fill[channel] : cubic_value(of, row, i, channel);
    }
  }
}

template <typename Source>
WARPMIX_SIMD_V3 HOST_DEVICE void sample_cubic_vectors(const CubicImage<Source>& of,
                                                      const BorderedImage<Source>& bordered,
                                                      const CubicPlaces& places, int32_t count,
                                                      float* out, int64_t plane) {
  constexpr int32_t kPixels = 4;  // the last ones overlap those before
  if (count < kPixels || !bordered.exists) {
    return sample_each_cubic(of, places, count, out, plane);
  }
  if (bordered.is_rgb()) {
    for (int32_t i = 0; i < count; i += kPixels) {
      four_cubic_rgb(of, bordered, places, min_of(i, count - kPixels), out, plane);
    }
    return;
  }
  for (int32_t c = 0; c < of.channels; ++c) {
    for (int32_t i = 0; i < count; i += kPixels) {
      four_cubic_values(of, bordered, places, min_of(i, count - kPixels), c, out + c * plane);
    }
  }
}

namespace {

#define WARPMIX_SAMPLES(Source)                                              \
  WARPMIX_SIMD_V3 void sample_cubic(                                         \
      const CubicImage<Source>& of, const BorderedImage<Source>& bordered,   \
      const CubicPlaces& places, int32_t count, float* out, int64_t plane) { \
    sample_cubic_vectors(of, bordered, places, count, out, plane);           \
  }
WARPMIX_SAMPLES(uint8_t)
WARPMIX_SAMPLES(float)
#undef WARPMIX_SAMPLES

}  // namespace

#endif

// Samples one image after the other; owns a copy and the numbers of a row's pixels, so one a
// thread.
template <typename Source>
class CubicRows {
 public:
  explicit CubicRows(int32_t width)
      : width_(width),
        whole_(static_cast<size_t>(4) * width),
        weights_(static_cast<size_t>(8) * width) {}

  void begin(const CubicImage<Source>& image) {
    image_ = image;
    bordered_.copy(image);
  }

  // A row of the result of a projection to `out`, a plane a channel; `columns` and `y` are those of
  // its result, or kOutside.
  void sample(const Projection& projection, const int32_t* columns, int32_t y, float* out,
              int64_t plane) {
    const CubicRow row = numbers();
    const int32_t width = image_.across.size;
    const int32_t height = image_.down.size;
    find_places(projection, image_.across.fills, columns, y, width_, width, height, row);
    int32_t* const first = whole_.data() + 3 * width_;
    find_taps(row, width_, width, height, bordered_.pixel, bordered_.row_stride, first);
    sample_cubic(image_, bordered_, {row, first}, width_, out, plane);
  }

 private:
  CubicRow numbers() {
    int32_t* const whole = whole_.data();
    float* const weights = weights_.data();
    const auto axis = [&](int32_t i) { return weights + i * width_; };
    return {axis(6),
            axis(7),
            whole,
            whole + width_,
            {axis(0), axis(1), axis(2)},
            {axis(3), axis(4), axis(5)},
            whole + 2 * width_};
  }

  const int32_t width_;
  CubicImage<Source> image_ = {};
  BorderedImage<Source> bordered_;
  std::vector<int32_t> whole_;
  std::vector<float> weights_;
};

}  // namespace warpmix::augment
