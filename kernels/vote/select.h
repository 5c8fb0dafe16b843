// The bodies of the kernels that choose an ensemble and say how sure its accuracy is, as
// host-device functions of the launch coordinates.
#pragma once

#include "../philox.h"
#include "count.h"
#include "log64.h"
#include "scores.h"

namespace warpmix::vote {

// ---- probabilities, class by class --------------------------------------------------------------

// A thread is one sample of one model, and works in the plane it writes.
template <typename Score>
HOST_DEVICE void planes_body(const PlanesParams& params, int64_t block, int32_t model,
                             int32_t thread) {
  const int64_t sample = block * kThreads + thread;
  if (sample >= params.samples) {
    return;
  }
  const int32_t classes = params.classes;
  const Score* row =
      static_cast<const Score*>(params.predictions) + (model * params.samples + sample) * classes;
  Scores<1, 0> scores = {params.planes + int64_t{model} * classes * params.samples + sample,
                         params.samples, classes};
  for (int32_t c = 0; c < classes; ++c) {
    scores.value[c * scores.stride] = widen(row[c]);
  }
  float highest[1];
  float label[1];
  count_into(params.invalid, scores.examine(params.logits, 1, highest, label) > 0);
  scores.normalise(params.logits,
                   params.inverse_temperature ? params.inverse_temperature[model] : 1.0f, highest);
  if (params.log) {
    scores.take_logarithms();
  }
}

// ---- greedy selection ---------------------------------------------------------------------------

// Steps of the log-loss sums. 35 · 2^32 · 2^26 samples stay below 2^63.
constexpr double kLogSteps = 4294967296.0;

// The negative log-loss of one sample, in whole steps.
HOST_DEVICE int64_t log_score(double own_total, double size) {
  const double p = own_total / size;
  return static_cast<int64_t>(fixed_log64(p < kLeastProbability ? kLeastProbability : p) *
                              kLogSteps);
}

// Whether class c, with this total, beats the true class or ties with it and is lower.
HOST_DEVICE int64_t beats(double total, double own_total, int64_t c, int64_t target) {
  const int64_t more = total > own_total;
  const int64_t as_many = total == own_total;
  const int64_t lower = c < target;
  return more | (as_many & lower);
}

// A thread is one sample with one candidate.
HOST_DEVICE void greedy_body(const GreedyParams& params, int64_t block, int32_t candidate,
                             int32_t thread) {
  const int64_t sample = block * kThreads + thread;
  if (sample >= params.samples) {
    return;
  }
  const int64_t row = candidate * params.samples + sample;
  const double own_total = params.own_sum[sample] + static_cast<double>(params.own[row]);
  if (!params.planes) {
    sum_into(params.score + candidate, log_score(own_total, params.members + 1));
    return;
  }
  const int64_t target = params.targets[sample];
  const float* plane =
      params.planes + int64_t{candidate} * params.classes * params.samples + sample;
  int64_t wrong = 0;
  for (int32_t c = 0; c < params.classes; ++c) {
    const int64_t place = c * params.samples;
    const double total = params.sum[place + sample] + static_cast<double>(plane[place]);
    wrong |= beats(total, own_total, c, target);
  }
  count_into(params.score + candidate, wrong == 0);
}

// ---- bootstrap ----------------------------------------------------------------------------------

constexpr int kRulesAThread = 8;
constexpr int kDrawsAThread = 64;  // a multiple of the 4 words that Philox makes at once

HOST_DEVICE int64_t bootstrap_threads(const BootstrapParams& params) {
  return ceil_div<int64_t>(params.samples, kDrawsAThread);
}

// The samples that four draws of one replicate hit.
HOST_DEVICE Philox4 drawn_samples(const BootstrapParams& params, int32_t replicate, int64_t four) {
  Philox4 words =
      philox({{static_cast<uint32_t>(four), static_cast<uint32_t>(replicate), 0, 0}}, params.seed);
  for (int i = 0; i < 4; ++i) {
    words.word[i] =
        static_cast<uint32_t>(uniform_below(words.word[i], static_cast<int32_t>(params.samples)));
  }
  return words;
}

// A thread makes kDrawsAThread of a replicate's N draws, for kRulesAThread rules from `first` on.
HOST_DEVICE void bootstrap_body(const BootstrapParams& params, int64_t thread, int32_t replicate,
                                int32_t first) {
  const int64_t begin = thread * kDrawsAThread;
  const int64_t end = min_of<int64_t>(begin + kDrawsAThread, params.samples);
  int32_t count[kRulesAThread] = {};
  for (int64_t draw = begin; draw < end; draw += 4) {
    const Philox4 hit = drawn_samples(params, replicate, draw / 4);
    UNROLL
    for (int i = 0; i < 4; ++i) {
      const uint64_t right =
          draw + i < end ? static_cast<uint64_t>(params.right[hit.word[i]]) >> first : 0;
      UNROLL
      for (int rule = 0; rule < kRulesAThread; ++rule) {
        count[rule] += static_cast<int32_t>((right >> rule) & 1u);
      }
    }
  }
  UNROLL
  for (int rule = 0; rule < kRulesAThread; ++rule) {
    if (first + rule < params.rules) {
      sum_into(params.counts + int64_t{replicate} * params.rules + first + rule, count[rule]);
    }
  }
}

}  // namespace warpmix::vote
