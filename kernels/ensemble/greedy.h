// Greedy selection: how one sample scores with a candidate added.
#pragma once

#include "log64.h"
#include "scores.h"

namespace warpmix::ensemble {

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

}  // namespace warpmix::ensemble
