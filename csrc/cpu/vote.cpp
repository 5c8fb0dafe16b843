// The CPU backend of the voting ops: tiles of samples in parallel, a tile's samples in vectors.

// Lets GCC turn a comparison and a choice into vector instructions. It changes no value: nobody
// here asks for floating-point traps.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")
#endif

#include "../vote.h"

#include <torch/csrc/stable/ops.h>

#include <cstring>
#include <mutex>
#include <vector>

#include "simd.h"
#include "tile.h"
#include "vote/body.h"

namespace warpmix::cpu {
namespace {

using torch::stable::parallel_for;

using TileTally = vote::Tally<kTile, 0>;

// What one thread has counted; merged at its end.
struct Counts {
  std::vector<int64_t> soft, hard;
  int64_t invalid = 0;
};

// The next model's rows lie far away, where no hardware prefetcher looks.
HOST_DEVICE void prefetch(const void* rows, size_t bytes) {
  for (size_t line = 0; line < bytes; line += 64) {
    __builtin_prefetch(static_cast<const char*>(rows) + line);
  }
}

// `used` samples from `first` on; the lanes after them repeat the last, so that none is garbage.
template <typename Score>
HOST_DEVICE void tile_body(const vote::VoteParams& params, int64_t first, int used, float* wide,
                           TileTally& tally, Counts& counts) {
  const int32_t classes = params.classes;
  tally.clear();
  for (int t = 0; params.soft_correct && t < kTile; ++t) {
    tally.own[t] = static_cast<double>(params.targets[first + min_of(t, used - 1)]);
  }
  for (int32_t k = 0; k < params.size; ++k) {
    const Score* row = vote::score_row<Score>(params, vote::joining_model(params, k), first);
    if (k + 1 < params.size) {
      prefetch(vote::score_row<Score>(params, vote::joining_model(params, k + 1), first),
               sizeof(Score) * classes * used);
    }
    load_tile(row, classes, used, tally.scores.value, wide);
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
WARPMIX_SIMD_CLONES void run_tile(float, const vote::VoteParams& params, int64_t first, int used,
                                  float* wide, TileTally& tally, Counts& counts) {
  tile_body<float>(params, first, used, wide, tally, counts);
}
WARPMIX_SIMD_CLONES void run_tile(Half, const vote::VoteParams& params, int64_t first, int used,
                                  float* wide, TileTally& tally, Counts& counts) {
  tile_body<Half>(params, first, used, wide, tally, counts);
}
WARPMIX_SIMD_CLONES void run_tile(BFloat16, const vote::VoteParams& params, int64_t first, int used,
                                  float* wide, TileTally& tally, Counts& counts) {
  tile_body<BFloat16>(params, first, used, wide, tally, counts);
}

struct RunTiles {
  const vote::VoteParams& params;

  template <typename Score, bool>
  void run() const {
    std::mutex merging;
    const int64_t tiles = ceil_div<int64_t>(params.samples, kTile);
    const double total = vote::total_weight(params);
    parallel_for(0, tiles, 1, [&](int64_t begin, int64_t end) {
      const size_t elements = static_cast<size_t>(params.classes) * kTile;
      std::vector<float> score(elements), wide(elements);
      std::vector<double> sum(elements), votes(elements);
      TileTally tally = {
          {score.data(), kTile, params.classes}, sum.data(), votes.data(), {}, {}, {}, {}};
      Counts counts;
      counts.soft.resize(params.size);
      counts.hard.resize(params.size);
      for (int64_t tile = begin; tile < end; ++tile) {
        const int64_t first = tile * kTile;
        const int used = static_cast<int>(min_of<int64_t>(kTile, params.samples - first));
        run_tile(Score{}, params, first, used, wide.data(), tally, counts);
        for (int t = 0; params.labels && t < used; ++t) {
          tally.write(params, first + t, t, total);
        }
      }
      merge(counts, merging);
    });
  }

  void merge(const Counts& counts, std::mutex& merging) const {
    const std::lock_guard<std::mutex> lock(merging);
    *params.invalid += counts.invalid;
    for (int32_t k = 0; params.soft_correct && k < params.size; ++k) {
      params.soft_correct[k] += counts.soft[k];
      params.hard_correct[k] += counts.hard[k];
    }
  }
};

void clear_counts(const vote::VoteParams& params) {
  *params.invalid = 0;
  if (params.soft_correct) {
    std::memset(params.soft_correct, 0, sizeof(int64_t) * params.size);
    std::memset(params.hard_correct, 0, sizeof(int64_t) * params.size);
  }
}

// ---- the kernel bodies, thread by thread --------------------------------------------------------

struct Emulate {
  const vote::VoteParams& params;

  template <typename Score, bool kRegisters>
  void run() const {
    vote::VoteParams launched = params;
    const size_t elements = kRegisters ? 0 : static_cast<size_t>(params.samples) * params.classes;
    std::vector<float> score(elements);
    std::vector<double> sum(elements), votes(elements);
    launched.score_workspace = score.data();
    launched.sum_workspace = sum.data();
    launched.vote_workspace = votes.data();
    const int64_t blocks = ceil_div<int64_t>(params.samples, vote::kThreads);
    for (int64_t block = 0; block < blocks; ++block) {
      for (int32_t thread = 0; thread < vote::kThreads; ++thread) {
        vote::vote_body<Score, kRegisters>(launched, block, thread);
      }
    }
  }
};

template <typename Runner>
void run(const vote::VoteParams& params) {
  clear_counts(params);
  if (params.samples > 0) {
    vote::dispatch(params, Runner{params});
  }
}

}  // namespace

void vote(WARPMIX_VOTE_ARGUMENTS) { run<RunTiles>(vote_call(WARPMIX_PASS_VOTE)); }

void vote_emulated(WARPMIX_VOTE_ARGUMENTS) { run<Emulate>(vote_call(WARPMIX_PASS_VOTE)); }

void vote_curve(WARPMIX_CURVE_ARGUMENTS) { run<RunTiles>(curve_call(WARPMIX_PASS_CURVE)); }

void vote_curve_emulated(WARPMIX_CURVE_ARGUMENTS) { run<Emulate>(curve_call(WARPMIX_PASS_CURVE)); }

}  // namespace warpmix::cpu
