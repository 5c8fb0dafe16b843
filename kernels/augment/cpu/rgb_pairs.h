// The CPU's sampling between pixels of three adjacent bytes under a border that clamps, the most
// common case: the two taps of a row lie side by side, and are read at once. The arithmetic is
// sampling.h's.
#pragma once

#include "bilinear_rows.h"

namespace warpmix::augment {

// Some pixels: the offsets of the left one of their two taps in the row above and in that below,
// and the weights.
struct RowPairs {
  int32_t *above, *below;
  float *across, *down;
  int32_t* outside;  // 1 where a constant border covers the pixel
};

// What pairs are found in: an image of at least two columns.
struct PairImage {
  int32_t width, height, row_stride;
  bool fills;  // the border is constant
};

// What is sampled: `size` bytes can be read from `bytes` on.
struct PairBytes {
  const uint8_t* bytes;
  int64_t size;
  const float* fill;
  int32_t count;
};

// Beyond the image's left or right edge a pair has the edge's pixel and its neighbour, with all
// weight on the first: a + 0 (b - a) is a, and a + 1 (b - a) is b, for these are whole numbers.
HOST_DEVICE void find_each_pair(const Map& map, const PairImage& image, const int32_t* columns,
                                const int32_t* row_of, int32_t rows, int32_t count,
                                RowPairs pairs) {
  const Map own = map;  // a copy that no store reaches: its numbers stay in registers
  const float* m = own.m;
  const int32_t fills = image.fills ? 1 : 0;
  const int32_t width = image.width;
  const int32_t height = image.height;
  const int32_t row_stride = image.row_stride;
  const float right = static_cast<float>(width) - 0.5f;
  const float bottom = static_cast<float>(height) - 0.5f;
  for (int32_t r = 0; r < rows; ++r) {
    int32_t* __restrict above = pairs.above + r * count;
    int32_t* __restrict below = pairs.below + r * count;
    float* __restrict across = pairs.across + r * count;
    float* __restrict down = pairs.down + r * count;
    int32_t* __restrict outside = pairs.outside + r * count;
    const float at_row = static_cast<float>(row_of[r]);
    const int32_t row_outside = row_of[r] == kOutside ? 1 : 0;
#pragma GCC ivdep
    for (int32_t i = 0; i < count; ++i) {
      const float column = static_cast<float>(columns[i]);
      const float x = map_coordinate(m[0], m[1], m[2], column, at_row);
      const float y = map_coordinate(m[3], m[4], m[5], column, at_row);
      const int32_t left = clamped(static_cast<int32_t>(floorf(x)), width - 1);
      const float floor = floorf(y);
      const int32_t t = static_cast<int32_t>(floor);
      across[i] = at_most(at_least(x - static_cast<float>(left), 0.0f), 1.0f);
      down[i] = y - floor;
      above[i] = clamped(t, height) * row_stride + 3 * left;
      below[i] = clamped(t + 1, height) * row_stride + 3 * left;
      outside[i] = row_outside | (columns[i] == kOutside ? 1 : 0) |
                   (fills & border_covers(x, y, right, bottom));
    }
  }
}

// A channel of a pair: `pair` is that of the left tap.
HOST_DEVICE float across_pair(const uint8_t* pair, float weight) {
  return between(static_cast<float>(pair[0]), static_cast<float>(pair[3]), weight);
}

HOST_DEVICE void sample_each_pair(const PairBytes& image, const RowPairs& pairs,
                                  float* const (&out)[3]) {
  for (int32_t i = 0; i < image.count; ++i) {
    const uint8_t* const above = image.bytes + pairs.above[i];
    const uint8_t* const below = image.bytes + pairs.below[i];
    const float weight = pairs.across[i];
    for (int32_t c = 0; c < 3; ++c) {
      const float sampled =
          between(across_pair(above + c, weight), across_pair(below + c, weight), pairs.down[i]);
      out[c][i] = pairs.outside[i] != 0 ? image.fill[c] : sampled;
    }
  }
}

namespace {

// Pixels of `rows` rows of `count`, one row after the other.
WARPMIX_SIMD_WIDE_CLONES void find_pairs(const Map& map, const PairImage& image,
                                         const int32_t* columns, const int32_t* row_of,
                                         int32_t rows, int32_t count, RowPairs pairs) {
  find_each_pair(map, image, columns, row_of, rows, count, pairs);
}

WARPMIX_SIMD_DEFAULT void sample_pairs(const PairBytes& image, const RowPairs& pairs, float* red,
                                       float* green, float* blue) {
  sample_each_pair(image, pairs, {red, green, blue});
}

}  // namespace

#if defined(WARPMIX_SIMD_V3)

// Eight pixels' two taps of a row, a channel after the other.
struct PairChannels {
  Floats left[3], right[3];
};

WARPMIX_SIMD_V3 HOST_DEVICE PairChannels load_pairs(const uint8_t* bytes, const int32_t* offset) {
  const auto pixels = [&](int32_t first) WARPMIX_SIMD_V3 {  // that one and the next, 8 bytes each
    const auto at = [&](int32_t i) WARPMIX_SIMD_V3 {
      return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes + offset[i]));
    };
    return _mm_unpacklo_epi64(at(first), at(first + 1));
  };
  const __m256 first = _mm256_castsi256_ps(_mm256_set_m128i(pixels(4), pixels(0)));
  const __m256 second = _mm256_castsi256_ps(_mm256_set_m128i(pixels(6), pixels(2)));
  // A pixel a lane: red, green and blue of the left tap, red of the right one; green and blue of
  // it.
  const __m256i low = _mm256_castps_si256(_mm256_shuffle_ps(first, second, 0x88));
  const __m256i high = _mm256_castps_si256(_mm256_shuffle_ps(first, second, 0xDD));
  const __m256i byte = _mm256_set1_epi32(255);
  const auto floats = [](__m256i values) WARPMIX_SIMD_V3 {
    return reinterpret_cast<Floats>(_mm256_cvtepi32_ps(values));
  };
  const auto byte_of = [&](__m256i words, int shift) WARPMIX_SIMD_V3 {
    return floats(_mm256_and_si256(_mm256_srli_epi32(words, shift), byte));
  };
  return {{byte_of(low, 0), byte_of(low, 8), byte_of(low, 16)},
          {floats(_mm256_srli_epi32(low, 24)), byte_of(high, 0), byte_of(high, 8)}};
}

namespace {

// A third of the time of four pixels at a time whose taps are read one by one.
WARPMIX_SIMD_V3 void sample_pairs(const PairBytes& image, const RowPairs& pairs, float* red,
                                  float* green, float* blue) {
  constexpr int32_t kPixels = 8;
  constexpr int32_t kPairBytes = 8;  // that are read for six
  float* const out[3] = {red, green, blue};
  int32_t furthest = 0;  // no pair below lies before the one above
  for (int32_t i = 0; i < image.count; ++i) {
    furthest = max_of(furthest, pairs.below[i]);
  }
  if (image.count < kPixels || furthest + kPairBytes > image.size) {
    return sample_each_pair(image, pairs, {red, green, blue});
  }
  for (int32_t i = 0; i < image.count; i += kPixels) {
    const int32_t first = min_of(i, image.count - kPixels);  // the last ones overlap those before
    const PairChannels above = load_pairs(image.bytes, pairs.above + first);
    const PairChannels below = load_pairs(image.bytes, pairs.below + first);
    const Floats across = load_floats(pairs.across + first);
    const Floats down = load_floats(pairs.down + first);
    const __m256i covered =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pairs.outside + first));
    const __m256 outside = _mm256_castsi256_ps(_mm256_cmpgt_epi32(covered, _mm256_setzero_si256()));
    for (int32_t c = 0; c < 3; ++c) {
      const Floats top = above.left[c] + across * (above.right[c] - above.left[c]);
      const Floats bottom = below.left[c] + across * (below.right[c] - below.left[c]);
      const __m256 sampled = reinterpret_cast<__m256>(top + down * (bottom - top));
      _mm256_storeu_ps(out[c] + first,
                       _mm256_blendv_ps(sampled, _mm256_set1_ps(image.fill[c]), outside));
    }
  }
}

}  // namespace

#endif

}  // namespace warpmix::augment
