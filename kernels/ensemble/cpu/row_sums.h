// Probabilities summed as they lie, for a vote that asks for their mean alone: no model's favourite
// classes, no softmax, and so no transposed tile.
#pragma once

#include <algorithm>

#include "../../simd.h"
#include "../tally.h"
#include "tile.h"

namespace warpmix::ensemble {

inline bool sums_alone(const VoteParams& params) {
  return !params.hard && !params.soft_correct && !params.logits && !params.inverse_temperature;
}

// Rows that are summed together: their sums take 8 KiB, and what is prefetched meanwhile 4 KiB.
inline int64_t rows_together(int32_t classes) {
  constexpr int64_t kElements = 1024;
  return max_of<int64_t>(1, kElements / classes);
}

// How many rows hold no probabilities.
inline int64_t count_invalid(const float* rows, int32_t classes, int64_t count) {
  int64_t invalid = 0;
  for (const float* row = rows; row != rows + count * classes; row += classes) {
    Extremes<1> found;
    invalid += Scores<1>{const_cast<float*>(row), 1, classes}.examine(false, 1, found);
  }
  return invalid;
}

// The sum of a row, in an order that vectors have.
HOST_DEVICE float sum_in_fours(const float* row, int32_t classes) {
  FourFloats fours = {};
  int32_t c = 0;
  for (; c + 4 <= classes; c += 4) {
    fours += load_four_floats(row + c);
  }
  float total = (fours[0] + fours[1]) + (fours[2] + fours[3]);
  for (; c < classes; ++c) {
    total += row[c];
  }
  return total;
}

// Adds rows to their sums [count, classes]. Returns whether one of them may hold no probabilities.
HOST_DEVICE bool add_rows(const float* rows, int32_t classes, int64_t count, double weight,
                          double* sum) {
  int32_t suspect = 0;
  for (int64_t i = 0; i < count * classes; ++i) {
    sum[i] = joined(sum[i], weight, rows[i]);
    suspect |= rows[i] < 0.0f;
  }
  // The same sum, of about 1, in the order of the classes differs by less than 2^-22 a class.
  const float surely_near = kSumTolerance - 0x1p-22f * static_cast<float>(classes);
  for (int64_t t = 0; t < count; ++t) {
    const float total = sum_in_fours(rows + t * classes, classes);
    suspect |= !(fabsf(total - 1.0f) <= surely_near);
  }
  return suspect;
}

// The sums of `count` samples from `first` on, and how many rows were invalid; `wide` has their
// room.
template <typename Score>
HOST_DEVICE int64_t rows_body(const VoteParams& params, int64_t first, int64_t count, float* wide,
                              double* sum) {
  const int64_t elements = count * params.classes;
  std::fill_n(sum, elements, 0.0);
  int64_t invalid = 0;
  for (int32_t k = 0; k < params.size; ++k) {
    prefetch_next<Score>(params, k, first, elements);
    const Score* scores = score_row<Score>(params, joining_model(params, k), first);
    const float* rows = as_floats(scores, elements, wide);
    if (add_rows(rows, params.classes, count, joining_weight(params, k), sum)) {
      invalid += count_invalid(rows, params.classes, count);
    }
  }
  return invalid;
}

}  // namespace warpmix::ensemble
