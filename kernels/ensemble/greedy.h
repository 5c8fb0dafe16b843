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

}  // namespace warpmix::ensemble
