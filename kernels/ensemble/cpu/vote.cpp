// The CPU's votes and curves: tiles of samples in parallel, a tile's samples in vectors.

// Lets GCC turn a comparison and a choice into vector instructions. It changes no value: nobody
// here asks for floating-point traps.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")
#endif

#include <memory>
#include <mutex>
#include <vector>

#include "../../simd.h"
#include "../tally.h"
#include "queue.h"
#include "row_sums.h"
#include "run.h"
#include "tile.h"

namespace warpmix::ensemble {
namespace {

using TileTally = Tally<kTile>;

// What one thread has counted; merged at its end.
struct Counts {
  std::vector<int64_t> soft, hard;
  int64_t invalid = 0;
};

// `used` samples from `first` on; the lanes after them repeat the last, so that none is garbage.
template <typename Score>
HOST_DEVICE void tile_body(const VoteParams& params, int64_t first, int used, float* wide,
                           TileTally& tally, Counts& counts) {
  const int32_t classes = params.classes;
  tally.clear();
  for (int t = 0; params.soft_correct && t < kTile; ++t) {
    tally.own[t] = static_cast<double>(params.targets[first + min_of(t, used - 1)]);
  }
  for (int32_t k = 0; k < params.size; ++k) {
    const int64_t elements = int64_t{used} * classes;
    prefetch_next<Score>(params, k, first, elements);
    const Score* rows = score_row<Score>(params, joining_model(params, k), first);
    load_tile(as_floats(rows, elements, wide), classes, used, tally.scores.value);
    counts.invalid += tally.join(params, k, used);
    if (params.soft_correct) {
      int64_t wrong = 0;
      int64_t hard = 0;
      for (int t = 0; t < used; ++t) {
        wrong += tally.soft_wrong[t];
        hard += tally.hard_leader[t] == tally.own[t];
      }
      counts.soft[k] += used - wrong;
      counts.hard[k] += hard;
    }
  }
}

// GCC clones functions, not templates: one overload a type, each in the machine's best form.
WARPMIX_SIMD_CLONES void run_tile(float, const VoteParams& params, int64_t first, int used,
                                  float* wide, TileTally& tally, Counts& counts) {
  tile_body<float>(params, first, used, wide, tally, counts);
}
WARPMIX_SIMD_CLONES void run_tile(Half, const VoteParams& params, int64_t first, int used,
                                  float* wide, TileTally& tally, Counts& counts) {
  tile_body<Half>(params, first, used, wide, tally, counts);
}
WARPMIX_SIMD_CLONES void run_tile(BFloat16, const VoteParams& params, int64_t first, int used,
                                  float* wide, TileTally& tally, Counts& counts) {
  tile_body<BFloat16>(params, first, used, wide, tally, counts);
}
WARPMIX_SIMD_WIDE_CLONES int64_t sum_rows(float, const VoteParams& params, int64_t first,
                                          int64_t count, float* wide, double* sum) {
  return rows_body<float>(params, first, count, wide, sum);
}
WARPMIX_SIMD_WIDE_CLONES int64_t sum_rows(Half, const VoteParams& params, int64_t first,
                                          int64_t count, float* wide, double* sum) {
  return rows_body<Half>(params, first, count, wide, sum);
}
WARPMIX_SIMD_WIDE_CLONES int64_t sum_rows(BFloat16, const VoteParams& params, int64_t first,
                                          int64_t count, float* wide, double* sum) {
  return rows_body<BFloat16>(params, first, count, wide, sum);
}

template <typename Score>
void run_sums(const VoteParams& params, Queue& queue, int64_t share, double total_weight,
              Counts& counts) {
  const int64_t unit = rows_a_unit(params.classes);
  const int64_t together = units_together(share);
  const int64_t elements = together * unit * params.classes;
  // Not cleared: sum_rows begins by that, and floats need no `wide`.
  const std::unique_ptr<float[]> wide(new float[kModelsTogether * elements]);
  const std::unique_ptr<double[]> sum(new double[elements]);
  int64_t first_unit;
  while (const int64_t units = queue.take(together, first_unit)) {
    const int64_t first = first_unit * unit;
    const int64_t used = min_of(units * unit, params.samples - first);
    counts.invalid += sum_rows(Score{}, params, first, used, wide.get(), sum.get());
    for (int64_t t = 0; t < used; ++t) {
      write_decision(params, sum.get() + t * params.classes, 1, first + t, total_weight);
    }
  }
}

template <typename Score>
void run_tiles(const VoteParams& params, Queue& queue, double total_weight, Counts& counts) {
  const size_t elements = static_cast<size_t>(params.classes) * kTile;
  std::vector<float> score(elements), wide(elements);
  std::vector<double> sum(elements), votes(elements);
  TileTally tally = {
      {score.data(), kTile, params.classes}, sum.data(), votes.data(), {}, {}, {}, {}};
  counts.soft.resize(params.size);
  counts.hard.resize(params.size);
  for (int64_t tile; queue.take(tile);) {
    const int64_t first = tile * kTile;
    const int used = static_cast<int>(min_of<int64_t>(kTile, params.samples - first));
    run_tile(Score{}, params, first, used, wide.data(), tally, counts);
    for (int t = 0; params.labels && t < used; ++t) {
      tally.write(params, first + t, t, total_weight);
    }
  }
}

void merge(const Counts& counts, const VoteParams& params) {
  *params.invalid += counts.invalid;
  for (int32_t k = 0; params.soft_correct && k < params.size; ++k) {
    params.soft_correct[k] += counts.soft[k];
    params.hard_correct[k] += counts.hard[k];
  }
}

}  // namespace

void run_vote(const VoteParams& params, ParallelFor parallel_for) {
  std::mutex merging;
  const bool sums = sums_alone(params);
  const int64_t tiles = ceil_div(params.samples, sums ? rows_a_unit(params.classes) : kTile);
  const double total = total_weight(params);
  Queue queue(tiles);
  parallel_for(0, tiles, 1, [&](int64_t begin, int64_t end) {
    Counts counts;
    with_score_type(params.type, [&](auto score) {
      using Score = decltype(score);
      sums ? run_sums<Score>(params, queue, end - begin, total, counts)
           : run_tiles<Score>(params, queue, total, counts);
    });
    const std::lock_guard<std::mutex> lock(merging);
    merge(counts, params);
  });
}

}  // namespace warpmix::ensemble
