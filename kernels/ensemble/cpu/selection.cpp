// The CPU's loops that choose an ensemble and say how sure its accuracy is.

// See vote.cpp.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")
#endif

#include <cstring>
#include <mutex>
#include <vector>

#include "../../simd.h"
#include "../bootstrap.h"
#include "../greedy.h"
#include "../scores.h"
#include "queue.h"
#include "run.h"
#include "tile.h"

namespace warpmix::ensemble {
namespace {

// ---- probabilities, class by class --------------------------------------------------------------

template <typename Score>
HOST_DEVICE int64_t planes_tile(const PlanesParams& params, int32_t model, int64_t first,
                                float* tile, float* wide) {
  const int32_t classes = params.classes;
  const int used = static_cast<int>(min_of<int64_t>(kTile, params.samples - first));
  const int64_t row = model * params.samples + first;
  const Score* rows = static_cast<const Score*>(params.predictions) + row * classes;
  load_tile(as_floats(rows, int64_t{used} * classes, wide), classes, used, tile);
  Scores<kTile> scores = {tile, kTile, classes};
  Extremes<kTile> found;
  const int32_t invalid = scores.examine(params.logits, used, found);
  scores.normalise(params.logits,
                   params.inverse_temperature ? params.inverse_temperature[model] : 1.0f, found);
  if (params.log) {
    scores.take_logarithms();
  }
  float* plane = params.planes + int64_t{model} * classes * params.samples + first;
  for (int32_t c = 0; c < classes; ++c) {
    std::memcpy(plane + c * params.samples, tile + c * kTile, sizeof(float) * used);
  }
  return invalid;
}

// GCC clones functions, not templates: one overload a type, each in the machine's best form.
WARPMIX_SIMD_CLONES int64_t planes_of(float, const PlanesParams& params, int32_t model,
                                      int64_t first, float* tile, float* wide) {
  return planes_tile<float>(params, model, first, tile, wide);
}
WARPMIX_SIMD_CLONES int64_t planes_of(Half, const PlanesParams& params, int32_t model,
                                      int64_t first, float* tile, float* wide) {
  return planes_tile<Half>(params, model, first, tile, wide);
}
WARPMIX_SIMD_CLONES int64_t planes_of(BFloat16, const PlanesParams& params, int32_t model,
                                      int64_t first, float* tile, float* wide) {
  return planes_tile<BFloat16>(params, model, first, tile, wide);
}

template <typename Score>
int64_t all_planes(const PlanesParams& params, Queue& queue) {
  const size_t elements = static_cast<size_t>(params.classes) * kTile;
  std::vector<float> tile(elements), wide(elements);
  int64_t invalid = 0;
  for (int64_t model; queue.take(model);) {
    for (int64_t first = 0; first < params.samples; first += kTile) {
      invalid +=
          planes_of(Score{}, params, static_cast<int32_t>(model), first, tile.data(), wide.data());
    }
  }
  return invalid;
}

// ---- greedy selection ---------------------------------------------------------------------------

// Samples at once; a class's share of a plane is then four pages of lines that follow each other.
constexpr int kLanes = 256;

WARPMIX_SIMD_CLONES int64_t right_with(const GreedyParams& params, int64_t candidate) {
  const float* own = params.own + candidate * params.samples;
  const float* planes = params.planes + candidate * params.classes * params.samples;
  int64_t right = 0;
  for (int64_t first = 0; first < params.samples; first += kLanes) {
    const int used = static_cast<int>(min_of<int64_t>(kLanes, params.samples - first));
    const int64_t* target = params.targets + first;
    double own_total[kLanes];
    int64_t wrong[kLanes];
    for (int t = 0; t < used; ++t) {
      own_total[t] = params.own_sum[first + t] + static_cast<double>(own[first + t]);
      wrong[t] = 0;
    }
    for (int64_t c = 0; c < params.classes; ++c) {
      const double* sum = params.sum + c * params.samples + first;
      const float* plane = planes + c * params.samples + first;
      for (int t = 0; t < used; ++t) {
        const double total = sum[t] + static_cast<double>(plane[t]);
        wrong[t] |= beats(total, own_total[t], c, target[t]);
      }
    }
    for (int t = 0; t < used; ++t) {
      right += 1 - wrong[t];
    }
  }
  return right;
}

WARPMIX_SIMD_CLONES int64_t log_score_with(const GreedyParams& params, int64_t candidate) {
  const float* own = params.own + candidate * params.samples;
  const double size = params.members + 1;
  int64_t score = 0;
  for (int64_t t = 0; t < params.samples; ++t) {
    score += log_score(params.own_sum[t] + static_cast<double>(own[t]), size);
  }
  return score;
}

// ---- bootstrap ----------------------------------------------------------------------------------

WARPMIX_SIMD_CLONES void resample(const BootstrapParams& params, int32_t replicate,
                                  int32_t first_rule) {
  const int64_t threads = bootstrap_threads(params);
  for (int64_t thread = 0; thread < threads; ++thread) {
    bootstrap_body(params, thread, replicate, first_rule);
  }
}

}  // namespace

void run_planes(const PlanesParams& params, ParallelFor parallel_for) {
  std::mutex merging;
  Queue queue(params.models);
  parallel_for(0, params.models, 1, [&](int64_t, int64_t) {
    int64_t invalid = 0;
    with_score_type(params.type,
                    [&](auto score) { invalid = all_planes<decltype(score)>(params, queue); });
    const std::lock_guard<std::mutex> lock(merging);
    *params.invalid += invalid;
  });
}

void run_greedy(const GreedyParams& params, ParallelFor parallel_for) {
  Queue queue(params.models);
  parallel_for(0, params.models, 1, [&](int64_t, int64_t) {
    for (int64_t model; queue.take(model);) {
      params.score[model] =
          params.planes ? right_with(params, model) : log_score_with(params, model);
    }
  });
}

void run_bootstrap(const BootstrapParams& params, ParallelFor parallel_for) {
  Queue queue(params.replicates);
  parallel_for(0, params.replicates, 1, [&](int64_t, int64_t) {
    for (int64_t replicate; queue.take(replicate);) {
      for (int32_t rule = 0; rule < params.rules; rule += kRulesAThread) {
        resample(params, static_cast<int32_t>(replicate), rule);
      }
    }
  });
}

}  // namespace warpmix::ensemble
