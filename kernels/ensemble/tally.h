// The arithmetic of voting, for kLanes samples at once (scores.h). Models join one after the other,
// so every sum has one order; sums are float64. Ties go to the lowest class.
#pragma once

#include "scores.h"

namespace warpmix::ensemble {

// ---- models and their weights -------------------------------------------------------------------

HOST_DEVICE int64_t named_model(const VoteParams& params, int32_t k) {
  return params.ranking ? params.ranking[k] : k;
}

HOST_DEVICE int64_t joining_model(const VoteParams& params, int32_t k) {
  const int64_t model = named_model(params, k);
  require_below(model, params.models);
  return model;
}

HOST_DEVICE double joining_weight(const VoteParams& params, int32_t k) {
  return params.weights ? params.weights[k] : 1.0;
}

HOST_DEVICE float inverse_temperature(const VoteParams& params, int32_t k) {
  return params.inverse_temperature ? params.inverse_temperature[k] : 1.0f;
}

HOST_DEVICE double total_weight(const VoteParams& params) {
  double total = params.weights ? 0.0 : params.size;
  for (int32_t k = 0; params.weights && k < params.size; ++k) {
    total += params.weights[k];
  }
  return total;
}

template <typename Score>
HOST_DEVICE const Score* score_row(const VoteParams& params, int64_t model, int64_t sample) {
  return static_cast<const Score*>(params.predictions) +
         (model * params.samples + sample) * params.classes;
}

// ---- sums and decisions -------------------------------------------------------------------------

// The sum of a class when a model's probability joins.
HOST_DEVICE double joined(double sum, double weight, float probability) {
  return sum + weight * static_cast<double>(probability);
}

// A vote's decision about a sample: the lowest class with the most of its `totals`, `stride` apart,
// and each class's share.
HOST_DEVICE void write_decision(const VoteParams& params, const double* totals, int64_t stride,
                                int64_t sample, double total_weight) {
  float* shares = params.scores + sample * params.classes;
  int32_t leader = 0;
  double most = totals[0];
  for (int32_t c = 0; c < params.classes; ++c) {
    const double total = totals[c * stride];
    leader = total > most ? c : leader;
    most = total > most ? total : most;
    shares[c] = static_cast<float>(total / total_weight);
  }
  params.labels[sample] = leader;
}

template <int kLanes>
struct Tally {
  Scores<kLanes> scores;
  double* sum;  // as scores.value: [classes, lanes]
  double* votes;
  double hard_leader[kLanes];  // a class; of the width of what decides it, as soft_wrong
  double hard_most[kLanes];    // the hard leader's votes
  // A curve's: the samples' true classes, and whether a model more makes the decisions wrong. Of
  // the width of what they are compared with, so that vectors need no conversions.
  double own[kLanes];
  int64_t soft_wrong[kLanes];

  HOST_DEVICE int64_t place(int32_t c, int t) const { return c * scores.stride + t; }

  HOST_DEVICE void clear() {
    UNROLL
    for (int32_t c = 0; c < scores.classes; ++c) {
      for (int t = 0; t < kLanes; ++t) {
        sum[place(c, t)] = 0.0;
        votes[place(c, t)] = 0.0;
      }
    }
    for (int t = 0; t < kLanes; ++t) {
      hard_leader[t] = 0.0;
      hard_most[t] = 0.0;
    }
  }

  HOST_DEVICE double joined_at(int32_t c, int t, double weight) const {
    return joined(sum[place(c, t)], weight, scores.value[place(c, t)]);
  }

  HOST_DEVICE void add_probabilities(double weight) {
    UNROLL
    for (int32_t c = 0; c < scores.classes; ++c) {
      for (int t = 0; t < kLanes; ++t) {
        sum[place(c, t)] = joined_at(c, t, weight);
      }
    }
  }

  // The same, and whether another class now has more than the true one, or as much and is lower.
  // That takes half the instructions of finding out which class leads.
  HOST_DEVICE void add_and_judge(double weight) {
    double mine[kLanes];  // the true class's sum
    for (int t = 0; t < kLanes; ++t) {
      soft_wrong[t] = 0;
      mine[t] = joined_at(static_cast<int32_t>(own[t]), t, weight);
    }
    UNROLL
    for (int32_t c = 0; c < scores.classes; ++c) {
      const double number = c;
      for (int t = 0; t < kLanes; ++t) {
        const double total = joined_at(c, t, weight);
        sum[place(c, t)] = total;
        soft_wrong[t] |= beats(total, mine[t], number, own[t]);
      }
    }
  }

  // Votes only grow, so the leader changes to the class just voted for or not at all. Scattering
  // and comparing are loops of their own, so that the second becomes vectors: as branches, the
  // changes of leaders among equals cost most of the time.
  HOST_DEVICE void add_votes(const float* label, double weight) {
    double won[kLanes];
    for (int t = 0; t < kLanes; ++t) {
      won[t] = votes[place(static_cast<int32_t>(label[t]), t)] += weight;
    }
    for (int t = 0; t < kLanes; ++t) {
      const double voted = static_cast<double>(label[t]);
      const bool leads = beats(won[t], hard_most[t], voted, hard_leader[t]) != 0;
      hard_leader[t] = choose(leads, voted, hard_leader[t]);
      hard_most[t] = choose(leads, won[t], hard_most[t]);
    }
  }

  // Model k of those that join, its scores already there. Returns how many used lanes were invalid.
  HOST_DEVICE int32_t join(const VoteParams& params, int32_t k, int used) {
    Extremes<kLanes> found;
    const int32_t invalid = scores.examine(params.logits, used, found);
    const double weight = joining_weight(params, k);
    if (params.hard) {
      add_votes(found.label, weight);
    }
    if (params.soft) {
      scores.normalise(params.logits, inverse_temperature(params, k), found);
      if (params.soft_correct) {
        add_and_judge(weight);
      } else {
        add_probabilities(weight);
      }
    }
    return invalid;
  }

  // The decision about lane t, which is `sample`; `total_weight` of all that joined.
  HOST_DEVICE void write(const VoteParams& params, int64_t sample, int t,
                         double total_weight) const {
    write_decision(params, (params.soft ? sum : votes) + t, scores.stride, sample, total_weight);
  }
};

}  // namespace warpmix::ensemble
