// The CPU backend of the ops that choose an ensemble.

// See vote.cpp.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")
#endif

#include "vote/select.h"

#include <torch/csrc/stable/ops.h>

#include <cstring>
#include <mutex>
#include <vector>

#include "../vote.h"
#include "queue.h"
#include "simd.h"
#include "tile.h"

namespace warpmix::cpu {
namespace {

using torch::stable::parallel_for;

// ---- probabilities, class by class --------------------------------------------------------------

template <typename Score>
HOST_DEVICE int64_t planes_tile(const vote::PlanesParams& params, int32_t model, int64_t first,
                                float* tile, float* wide) {
  const int32_t classes = params.classes;
  const int used = static_cast<int>(min_of<int64_t>(kTile, params.samples - first));
  const int64_t row = model * params.samples + first;
  load_tile(static_cast<const Score*>(params.predictions) + row * classes, classes, used, tile,
            wide);
  vote::Scores<kTile, 0> scores = {tile, kTile, classes};
  float highest[kTile];
  float label[kTile];
  const int32_t invalid = scores.examine(params.logits, used, highest, label);
  scores.normalise(params.logits,
                   params.inverse_temperature ? params.inverse_temperature[model] : 1.0f, highest);
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
WARPMIX_SIMD_CLONES int64_t run_planes(float, const vote::PlanesParams& params, int32_t model,
                                       int64_t first, float* tile, float* wide) {
  return planes_tile<float>(params, model, first, tile, wide);
}
WARPMIX_SIMD_CLONES int64_t run_planes(Half, const vote::PlanesParams& params, int32_t model,
                                       int64_t first, float* tile, float* wide) {
  return planes_tile<Half>(params, model, first, tile, wide);
}
WARPMIX_SIMD_CLONES int64_t run_planes(BFloat16, const vote::PlanesParams& params, int32_t model,
                                       int64_t first, float* tile, float* wide) {
  return planes_tile<BFloat16>(params, model, first, tile, wide);
}

template <typename Score>
void all_planes(const vote::PlanesParams& params) {
  std::mutex merging;
  *params.invalid = 0;
  Queue queue(params.models);
  parallel_for(0, params.models, 1, [&](int64_t, int64_t) {
    const size_t elements = static_cast<size_t>(params.classes) * kTile;
    std::vector<float> tile(elements), wide(elements);
    int64_t invalid = 0;
    for (int64_t model; queue.take(model);) {
      for (int64_t first = 0; first < params.samples; first += kTile) {
        invalid += run_planes(Score{}, params, static_cast<int32_t>(model), first, tile.data(),
                              wide.data());
      }
    }
    const std::lock_guard<std::mutex> lock(merging);
    *params.invalid += invalid;
  });
}

// ---- greedy selection ---------------------------------------------------------------------------

// Samples at once; a class's share of a plane is then four pages of lines that follow each other.
constexpr int kLanes = 256;

WARPMIX_SIMD_CLONES int64_t right_with(const vote::GreedyParams& params, int64_t candidate) {
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
        wrong[t] |= vote::beats(total, own_total[t], c, target[t]);
      }
    }
    for (int t = 0; t < used; ++t) {
      right += 1 - wrong[t];
    }
  }
  return right;
}

WARPMIX_SIMD_CLONES int64_t log_score_with(const vote::GreedyParams& params, int64_t candidate) {
  const float* own = params.own + candidate * params.samples;
  const double size = params.members + 1;
  int64_t score = 0;
  for (int64_t t = 0; t < params.samples; ++t) {
    score += vote::log_score(params.own_sum[t] + static_cast<double>(own[t]), size);
  }
  return score;
}

// ---- bootstrap ----------------------------------------------------------------------------------

WARPMIX_SIMD_CLONES void resample(const vote::BootstrapParams& params, int32_t replicate,
                                  int32_t first_rule) {
  const int64_t threads = vote::bootstrap_threads(params);
  for (int64_t thread = 0; thread < threads; ++thread) {
    vote::bootstrap_body(params, thread, replicate, first_rule);
  }
}

vote::BootstrapParams cleared(const vote::BootstrapParams& params) {
  std::memset(params.counts, 0, sizeof(int64_t) * params.replicates * params.rules);
  return params;
}

// ---- the kernel bodies, thread by thread --------------------------------------------------------

// Calls body(block, y, thread) as a launch over samples and models does.
template <typename Body>
void emulate(int64_t samples, int32_t models, const Body& body) {
  const int64_t blocks = ceil_div<int64_t>(samples, vote::kThreads);
  for (int32_t model = 0; model < models; ++model) {
    for (int64_t block = 0; block < blocks; ++block) {
      for (int32_t thread = 0; thread < vote::kThreads; ++thread) {
        body(block, model, thread);
      }
    }
  }
}

template <typename Score>
void emulate_planes(const vote::PlanesParams& params) {
  *params.invalid = 0;
  emulate(params.samples, params.models, [&](int64_t block, int32_t model, int32_t thread) {
    vote::planes_body<Score>(params, block, model, thread);
  });
}

}  // namespace

void class_planes(WARPMIX_PLANES_ARGUMENTS) {
  const vote::PlanesParams params = planes_call(WARPMIX_PASS_PLANES);
  vote::with_score_type(params.type, [&](auto score) { all_planes<decltype(score)>(params); });
}

void class_planes_emulated(WARPMIX_PLANES_ARGUMENTS) {
  const vote::PlanesParams params = planes_call(WARPMIX_PASS_PLANES);
  vote::with_score_type(params.type, [&](auto score) { emulate_planes<decltype(score)>(params); });
}

void greedy_scores(WARPMIX_GREEDY_ARGUMENTS) {
  const vote::GreedyParams params = greedy_call(WARPMIX_PASS_GREEDY);
  Queue queue(params.models);
  parallel_for(0, params.models, 1, [&](int64_t, int64_t) {
    for (int64_t model; queue.take(model);) {
      params.score[model] =
          params.planes ? right_with(params, model) : log_score_with(params, model);
    }
  });
}

void greedy_scores_emulated(WARPMIX_GREEDY_ARGUMENTS) {
  const vote::GreedyParams params = greedy_call(WARPMIX_PASS_GREEDY);
  std::memset(params.score, 0, sizeof(int64_t) * params.models);
  emulate(params.samples, params.models, [&](int64_t block, int32_t model, int32_t thread) {
    vote::greedy_body(params, block, model, thread);
  });
}

void bootstrap(WARPMIX_BOOTSTRAP_ARGUMENTS) {
  const vote::BootstrapParams params = cleared(bootstrap_call(WARPMIX_PASS_BOOTSTRAP));
  Queue queue(params.replicates);
  parallel_for(0, params.replicates, 1, [&](int64_t, int64_t) {
    for (int64_t replicate; queue.take(replicate);) {
      for (int32_t rule = 0; rule < params.rules; rule += vote::kRulesAThread) {
        resample(params, static_cast<int32_t>(replicate), rule);
      }
    }
  });
}

void bootstrap_emulated(WARPMIX_BOOTSTRAP_ARGUMENTS) {
  const vote::BootstrapParams params = cleared(bootstrap_call(WARPMIX_PASS_BOOTSTRAP));
  for (int32_t rule = 0; rule < params.rules; rule += vote::kRulesAThread) {
    emulate(vote::bootstrap_threads(params), params.replicates,
            [&](int64_t block, int32_t replicate, int32_t thread) {
              vote::bootstrap_body(params, block * vote::kThreads + thread, replicate, rule);
            });
  }
}

}  // namespace warpmix::cpu
