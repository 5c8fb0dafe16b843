// The CPU's sampling between pixels of three adjacent bytes under a border that clamps, the most
// common case, flips before it included: the two taps of a row lie side by side, and are read at
// once. The arithmetic is sampling.h's.
#pragma once

#include "bilinear_rows.h"

namespace warpmix::augment {

// Some pixels: the offsets of the first bytes of their pairs in the row above, and the weights.
struct RowPairs {
  int32_t* above;
  float *across, *down;
  int32_t* outside;  // 1 where a constant border covers the pixel
};

// Where the columns and rows that enter a map lie in the image, each axis at even steps: a flip's
// are negative.
struct PairSteps {
  int32_t first;  // offset of column 0 of row 0
  int32_t column, row;
};

// What pairs are found in: an image of at least two columns.
struct PairImage {
  int32_t width, height;
  PairSteps steps;
  bool fills;  // the border is constant
};

// What is sampled: bytes [begin, end) from `bytes` on can be read.
struct PairBytes {
  const uint8_t* bytes;
  int64_t begin, end;
  PairSteps steps;
  const float* fill;
  int32_t count;
};

// Beyond the image's left or right edge a pair has the edge's pixel and its neighbour, with all
// weight on the first: a + 0 (b - a) is a, and a + 1 (b - a) is b, for these are whole numbers.
// Beyond its upper edge and from the last row on all weight is on the row above, and the one below
// may be none of the image.
HOST_DEVICE void find_each_pair(const Map& map, const PairImage& image, const int32_t* columns,
                                const int32_t* row_of, int32_t rows, int32_t count,
                                RowPairs pairs) {
  const Map own = map;  // a copy that no store reaches: its numbers stay in registers
  const float* m = own.m;
  const int32_t fills = image.fills ? 1 : 0;
  const int32_t width = image.width;
  const int32_t height = image.height;
  const PairSteps steps = image.steps;
  const int32_t first = steps.first + min_of(steps.column, 0);  // a pair's first byte in memory
  const float right = static_cast<float>(width) - 0.5f;
  const float bottom = static_cast<float>(height) - 0.5f;
  for (int32_t r = 0; r < rows; ++r) {
    int32_t* __restrict above = pairs.above + r * count;
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
      const int32_t top = clamped(static_cast<int32_t>(floorf(y)), height);
      across[i] = at_most(at_least(x - static_cast<float>(left), 0.0f), 1.0f);
      const float below = at_least(y - static_cast<float>(top), 0.0f);
      down[i] = top < height - 1 ? below : 0.0f;
      above[i] = first + top * steps.row + left * steps.column;
      outside[i] = row_outside | (columns[i] == kOutside ? 1 : 0) |
                   (fills & border_covers(x, y, right, bottom));
    }
  }
}

// A channel of a pair: its left tap at `left`, its right one at `right`.
HOST_DEVICE float across_pair(const uint8_t* pair, int32_t left, int32_t right, float weight) {
  return between(static_cast<float>(pair[left]), static_cast<float>(pair[right]), weight);
}

HOST_DEVICE void sample_each_pair(const PairBytes& image, const RowPairs& pairs,
                                  float* const (&out)[3]) {
  const int32_t left = image.steps.column < 0 ? 3 : 0;
  const int32_t right = 3 - left;
  for (int32_t i = 0; i < image.count; ++i) {
    const float across = pairs.across[i];
    const float down = pairs.down[i];
    const uint8_t* const above = image.bytes + pairs.above[i];
    const uint8_t* const below = above + (down == 0.0f ? 0 : image.steps.row);
    for (int32_t c = 0; c < 3; ++c) {
      const float sampled = between(across_pair(above + c, left, right, across),
                                    across_pair(below + c, left, right, across), down);
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

// Two taps of a row of as many pixels as a vector of kBytes has floats, a channel after the other.
template <int kBytes>
struct PairVectors {
  static constexpr int32_t kPixels = kBytes / sizeof(float);
  typedef float Values __attribute__((vector_size(kBytes), aligned(4), may_alias));
  typedef int32_t Flags __attribute__((vector_size(kBytes), aligned(4), may_alias));
  Values left[3], right[3];
};

// Pairs 0, 1, 4 and 5.
WARPMIX_SIMD_V3 HOST_DEVICE __m256i every_other_two(const uint8_t* row, const int32_t* at) {
  const auto* const pair0 = reinterpret_cast<const __m128i*>(row + at[0]);
  const auto* const pair1 = reinterpret_cast<const __m128i*>(row + at[1]);
  const auto* const pair4 = reinterpret_cast<const __m128i*>(row + at[4]);
  const auto* const pair5 = reinterpret_cast<const __m128i*>(row + at[5]);
  return _mm256_set_m128i(_mm_unpacklo_epi64(_mm_loadl_epi64(pair4), _mm_loadl_epi64(pair5)),
                          _mm_unpacklo_epi64(_mm_loadl_epi64(pair0), _mm_loadl_epi64(pair1)));
}

WARPMIX_SIMD_V3 HOST_DEVICE PairVectors<32>::Values byte_of(__m256i words, int32_t shift) {
  const __m256i byte = _mm256_and_si256(_mm256_srli_epi32(words, shift), _mm256_set1_epi32(255));
  return reinterpret_cast<PairVectors<32>::Values>(_mm256_cvtepi32_ps(byte));
}

WARPMIX_SIMD_V3 HOST_DEVICE PairVectors<32> load_pairs(const uint8_t* row, const int32_t* at) {
  const __m256 first = _mm256_castsi256_ps(every_other_two(row, at));
  const __m256 second = _mm256_castsi256_ps(every_other_two(row, at + 2));
  // A pixel a lane: red, green and blue of its first tap, red of the second; green and blue of it.
  const __m256i low = _mm256_castps_si256(_mm256_shuffle_ps(first, second, 0x88));
  const __m256i high = _mm256_castps_si256(_mm256_shuffle_ps(first, second, 0xDD));
  return {{byte_of(low, 0), byte_of(low, 8), byte_of(low, 16)},
          {byte_of(low, 24), byte_of(high, 0), byte_of(high, 8)}};
}

WARPMIX_SIMD_V4 HOST_DEVICE __m512 wide_every_other_two(const uint8_t* row, const int32_t* at) {
  const __m512i half = _mm512_castsi256_si512(every_other_two(row, at));
  return _mm512_castsi512_ps(_mm512_inserti64x4(half, every_other_two(row, at + 8), 1));
}

WARPMIX_SIMD_V4 HOST_DEVICE PairVectors<64>::Values byte_of(__m512i words, int32_t shift) {
  const __m512i byte = _mm512_and_si512(_mm512_srli_epi32(words, shift), _mm512_set1_epi32(255));
  return reinterpret_cast<PairVectors<64>::Values>(_mm512_cvtepi32_ps(byte));
}

WARPMIX_SIMD_V4 HOST_DEVICE PairVectors<64> load_wide_pairs(const uint8_t* row, const int32_t* at) {
  const __m512 first = wide_every_other_two(row, at);
  const __m512 second = wide_every_other_two(row, at + 2);
  const __m512i low = _mm512_castps_si512(_mm512_shuffle_ps(first, second, 0x88));
  const __m512i high = _mm512_castps_si512(_mm512_shuffle_ps(first, second, 0xDD));
  return {{byte_of(low, 0), byte_of(low, 8), byte_of(low, 16)},
          {byte_of(low, 24), byte_of(high, 0), byte_of(high, 8)}};
}

// The row below. Its origin is hidden from GCC, which else adds that of each pair to the row above
// and then the step to the row below: a tenth of the whole time.
HOST_DEVICE const uint8_t* row_below(const PairBytes& image) {
  return reinterpret_cast<const uint8_t*>(
      opaque(reinterpret_cast<int64_t>(image.bytes + image.steps.row)));
}

// What stays in registers, since no store reaches it.
template <int kBytes>
struct PairTargets {
  typename PairVectors<kBytes>::Values fill[3];
  float* out[3];
};

// kMirrored: the left tap lies behind the right one.
template <bool kMirrored, int kBytes>
HOST_DEVICE auto between_taps(const PairVectors<kBytes>& pairs,
                              typename PairVectors<kBytes>::Values across, int32_t c) {
  const auto left = kMirrored ? pairs.right[c] : pairs.left[c];
  const auto right = kMirrored ? pairs.left[c] : pairs.right[c];
  return left + across * (right - left);
}

// Pixels [i, i + kPixels).
template <bool kMirrored, int kBytes>
HOST_DEVICE void sample_vectors(const PairVectors<kBytes>& above, const PairVectors<kBytes>& below,
                                const RowPairs& pairs, int32_t i,
                                const PairTargets<kBytes>& targets) {
  using Values = typename PairVectors<kBytes>::Values;
  const auto across = *reinterpret_cast<const Values*>(pairs.across + i);
  const auto down = *reinterpret_cast<const Values*>(pairs.down + i);
  using Flags = typename PairVectors<kBytes>::Flags;
  const auto outside = *reinterpret_cast<const Flags*>(pairs.outside + i);
  for (int32_t c = 0; c < 3; ++c) {
    const auto top = between_taps<kMirrored>(above, across, c);
    const auto bottom = between_taps<kMirrored>(below, across, c);
    *reinterpret_cast<Values*>(targets.out[c] + i) =
        outside != 0 ? targets.fill[c] : top + down * (bottom - top);
  }
}

// Eight pixels at a time: a third of the time of four whose taps are read one by one.
template <bool kMirrored>
WARPMIX_SIMD_V3 HOST_DEVICE void sample_all(const PairBytes& image, RowPairs pairs,
                                            PairTargets<32> targets) {
  constexpr int32_t kPixels = PairVectors<32>::kPixels;
  const uint8_t* const bytes = image.bytes;
  const uint8_t* const below_bytes = row_below(image);
  const int32_t count = image.count;
  for (int32_t next = 0; next < count; next += kPixels) {
    const int32_t i = min_of(next, count - kPixels);  // the last overlaps the one before
    const PairVectors<32> above = load_pairs(bytes, pairs.above + i);
    const PairVectors<32> below = load_pairs(below_bytes, pairs.above + i);
    sample_vectors<kMirrored>(above, below, pairs, i, targets);
  }
}

// Sixteen at a time: two thirds of that.
template <bool kMirrored>
WARPMIX_SIMD_V4 HOST_DEVICE void sample_all(const PairBytes& image, RowPairs pairs,
                                            PairTargets<64> targets) {
  constexpr int32_t kPixels = PairVectors<64>::kPixels;
  const uint8_t* const bytes = image.bytes;
  const uint8_t* const below_bytes = row_below(image);
  const int32_t count = image.count;
  for (int32_t next = 0; next < count; next += kPixels) {
    const int32_t i = min_of(next, count - kPixels);
    const PairVectors<64> above = load_wide_pairs(bytes, pairs.above + i);
    const PairVectors<64> below = load_wide_pairs(below_bytes, pairs.above + i);
    sample_vectors<kMirrored>(above, below, pairs, i, targets);
  }
}

// Whether all pairs can be read as eight bytes each, both rows.
HOST_DEVICE bool reads_words(const PairBytes& image, const int32_t* above) {
  constexpr int32_t kPairBytes = 8;  // that are read for six
  int32_t lowest = above[0];
  int32_t furthest = above[0];
  for (int32_t i = 0; i < image.count; ++i) {
    lowest = min_of(lowest, above[i]);
    furthest = max_of(furthest, above[i]);
  }
  return lowest + min_of(image.steps.row, 0) >= image.begin &&
         furthest + max_of(image.steps.row, 0) + kPairBytes <= image.end;
}

namespace {

WARPMIX_SIMD_V3 void sample_pairs(const PairBytes& image, const RowPairs& pairs, float* red,
                                  float* green, float* blue) {
  using Values = PairVectors<32>::Values;
  if (image.count < PairVectors<32>::kPixels || !reads_words(image, pairs.above)) {
    return sample_each_pair(image, pairs, {red, green, blue});
  }
  const PairTargets<32> targets = {
      {Values{} + image.fill[0], Values{} + image.fill[1], Values{} + image.fill[2]},
      {red, green, blue}};
  image.steps.column < 0 ? sample_all<true>(image, pairs, targets)
                         : sample_all<false>(image, pairs, targets);
}

WARPMIX_SIMD_V4 void sample_pairs(const PairBytes& image, const RowPairs& pairs, float* red,
                                  float* green, float* blue) {
  using Values = PairVectors<64>::Values;
  if (image.count < PairVectors<64>::kPixels || !reads_words(image, pairs.above)) {
    return sample_each_pair(image, pairs, {red, green, blue});
  }
  const PairTargets<64> targets = {
      {Values{} + image.fill[0], Values{} + image.fill[1], Values{} + image.fill[2]},
      {red, green, blue}};
  image.steps.column < 0 ? sample_all<true>(image, pairs, targets)
                         : sample_all<false>(image, pairs, targets);
}

}  // namespace

#endif

}  // namespace warpmix::augment
