// Probabilities summed as they lie, for a vote that asks for their mean alone: no model's favourite
// classes, no softmax, and so no transposed tile.
#pragma once

#include <algorithm>

#include "row_check.h"
#include "tile.h"

namespace warpmix::ensemble {

typedef double EightDoubles __attribute__((vector_size(64), aligned(8), may_alias));

// Models that join in one pass over the sums, one after the other in registers. With four the rows
// that were examined have left the cache before they are added.
constexpr int kModelsTogether = 2;

inline bool sums_alone(const VoteParams& params) {
  return !params.hard && !params.soft_correct && !params.logits && !params.inverse_temperature;
}

// What threads share out: the sums of its rows take 8 KiB.
inline int64_t rows_a_unit(int32_t classes) {
  constexpr int64_t kElements = 1024;
  return max_of<int64_t>(1, kElements / classes);
}

// Units that a thread sums together, of `share` that are its own: as many as leave others something
// to do for a thread that is held up. A model's rows are read in one go then, of which the
// processor fetches the next itself: 8.7 ms for 380 x 10,000 x 10 with 32 units, 11.2 with 8 (one
// thread).
inline int64_t units_together(int64_t share) {
  constexpr int64_t kMost = 32;
  return max_of<int64_t>(1, min_of(kMost, share / 4));
}

// Adds models' scores to the sums; all weights are 1 where there are none.
template <int kModels, bool kWeighted>
HOST_DEVICE void add_models(const float* const* rows, const double* weights, int64_t elements,
                            double* sum) {
  int64_t i = 0;
  for (; i + 8 <= elements; i += 8) {
    EightDoubles total = *reinterpret_cast<const EightDoubles*>(sum + i);
    for (int m = 0; m < kModels; ++m) {
      const EightDoubles score = __builtin_convertvector(load_eight(rows[m] + i), EightDoubles);
      total += kWeighted ? weights[m] * score : score;
    }
    *reinterpret_cast<EightDoubles*>(sum + i) = total;
  }
  for (; i < elements; ++i) {
    for (int m = 0; m < kModels; ++m) {
      sum[i] = joined(sum[i], kWeighted ? weights[m] : 1.0, rows[m][i]);
    }
  }
}

// The same of params' models from the k-th on.
template <int kModels>
HOST_DEVICE void add_from(const VoteParams& params, int32_t k, const float* const* rows,
                          int64_t elements, double* sum) {
  if (params.weights) {
    add_models<kModels, true>(rows, params.weights + k, elements, sum);
  } else {
    add_models<kModels, false>(rows, nullptr, elements, sum);
  }
}

// The sums of `count` samples from `first` on, and how many rows were invalid; `wide` has room for
// the rows of kModelsTogether.
template <typename Score>
HOST_DEVICE int64_t rows_body(const VoteParams& params, int64_t first, int64_t count, float* wide,
                              double* sum) {
  const int64_t elements = count * params.classes;
  std::fill_n(sum, elements, 0.0);
  int64_t invalid = 0;
  for (int32_t k = 0; k < params.size; k += kModelsTogether) {
    const int32_t models = min_of(kModelsTogether, params.size - k);
    const float* rows[kModelsTogether];
    for (int32_t m = 0; m < models; ++m) {
      const Score* scores = score_row<Score>(params, joining_model(params, k + m), first);
      rows[m] = as_floats(scores, elements, wide + m * elements);
      if (suspect_rows(rows[m], params.classes, count)) {
        invalid += count_invalid(rows[m], params.classes, count);
      }
    }
    if (models == kModelsTogether) {
      add_from<kModelsTogether>(params, k, rows, elements, sum);
    } else {
      for (int32_t m = 0; m < models; ++m) {
        add_from<1>(params, k + m, rows + m, elements, sum);
      }
    }
  }
  return invalid;
}

}  // namespace warpmix::ensemble
