// The arithmetic of voting, for kLanes samples at once (scores.h). Models join one after the other,
// so every sum has one order; sums are float64. Ties go to the lowest class.
#pragma once

#include "scores.h"

namespace warpmix::ensemble {

template <int kLanes, int kMost>
struct Tally {
  Scores<kLanes, kMost> scores;
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
    for (int32_t c = 0; c < scores.limit(); ++c) {
      for (int t = 0; t < kLanes; ++t) {
        if (scores.has(c)) {
          sum[place(c, t)] = 0.0;
          votes[place(c, t)] = 0.0;
        }
      }
    }
    for (int t = 0; t < kLanes; ++t) {
      hard_leader[t] = 0.0;
      hard_most[t] = 0.0;
    }
  }

  HOST_DEVICE double joined(int32_t c, int t, double weight) const {
    return sum[place(c, t)] + weight * static_cast<double>(scores.value[place(c, t)]);
  }

  HOST_DEVICE void add_probabilities(double weight) {
    UNROLL
    for (int32_t c = 0; c < scores.limit(); ++c) {
      if (!scores.has(c)) {
        continue;
      }
      for (int t = 0; t < kLanes; ++t) {
        sum[place(c, t)] = joined(c, t, weight);
      }
    }
  }

  // The same, and whether another class now has more than the true one, or as much and is lower.
  // That takes half the instructions of finding out which class leads.
  HOST_DEVICE void add_and_judge(double weight) {
    double mine[kLanes];  // the true class's sum
    for (int t = 0; t < kLanes; ++t) {
      soft_wrong[t] = 0;
      if constexpr (kMost == 0) {
        mine[t] = joined(static_cast<int32_t>(own[t]), t, weight);
      } else {
        // Registers have no addresses: every class is looked at. Only what was just computed is
        // chosen, because nvcc (13.0) turns a choice between loads into local memory.
        mine[t] = 0.0;
        UNROLL
        for (int32_t c = 0; c < kMost; ++c) {
          const double total = joined(c, t, weight);
          sum[place(c, t)] = total;
          mine[t] = c == static_cast<int32_t>(own[t]) ? total : mine[t];
        }
      }
    }
    UNROLL
    for (int32_t c = 0; c < scores.limit(); ++c) {
      if (!scores.has(c)) {
        continue;
      }
      const double number = c;
      for (int t = 0; t < kLanes; ++t) {
        if constexpr (kMost == 0) {
          sum[place(c, t)] = joined(c, t, weight);
        }
        const double total = sum[place(c, t)];
        const int64_t more = total > mine[t];
        const int64_t as_many = total == mine[t];
        const int64_t lower = number < own[t];
        soft_wrong[t] |= more | (as_many & lower);
      }
    }
  }

  // One more vote for a class; returns its votes.
  HOST_DEVICE double add_vote(int32_t voted, int t, double weight) {
    if constexpr (kMost == 0) {
      return votes[place(voted, t)] += weight;
    } else {  // registers have no addresses: every class is looked at
      double won = 0.0;
      UNROLL
      for (int32_t c = 0; c < kMost; ++c) {
        const double total = votes[place(c, t)] + (c == voted ? weight : 0.0);
        votes[place(c, t)] = total;
        won = c == voted ? total : won;
      }
      return won;
    }
  }

  // Votes only grow, so the leader changes to the class just voted for or not at all. Scattering
  // and comparing are loops of their own, so that the second becomes vectors: as branches, the
  // changes of leaders among equals cost most of the time.
  HOST_DEVICE void add_votes(const float* label, double weight) {
    double won[kLanes];
    for (int t = 0; t < kLanes; ++t) {
      won[t] = add_vote(static_cast<int32_t>(label[t]), t, weight);
    }
    for (int t = 0; t < kLanes; ++t) {
      const double voted = static_cast<double>(label[t]);
      const int64_t more = won[t] > hard_most[t];
      const int64_t as_many = won[t] == hard_most[t];
      const int64_t lower = voted < hard_leader[t];
      const bool leads = (more | (as_many & lower)) != 0;
      hard_leader[t] = choose(leads, voted, hard_leader[t]);
      hard_most[t] = choose(leads, won[t], hard_most[t]);
    }
  }

  // Model k of those that join, its scores already there. Returns how many used lanes were invalid.
  HOST_DEVICE int32_t join(const VoteParams& params, int32_t k, int used) {
    float highest[kLanes];
    float label[kLanes];
    const int32_t invalid = scores.examine(params.logits, used, highest, label);
    const double weight = params.weights ? params.weights[k] : 1.0;
    if (params.hard) {
      add_votes(label, weight);
    }
    if (params.soft) {
      scores.normalise(params.logits,
                       params.inverse_temperature ? params.inverse_temperature[k] : 1.0f, highest);
      if (params.soft_correct) {
        add_and_judge(weight);
      } else {
        add_probabilities(weight);
      }
    }
    return invalid;
  }

  // The decision about lane t, which is `sample`; `total_weight` of all that joined. Two branches,
  // because choosing between the arrays by address would put them into local memory.
  HOST_DEVICE void write(const VoteParams& params, int64_t sample, int t,
                         double total_weight) const {
    float* shares = params.scores + sample * scores.classes;
    if (params.soft) {
      params.labels[sample] = write_shares(sum, t, total_weight, shares);
    } else {
      params.labels[sample] = write_shares(votes, t, total_weight, shares);
    }
  }

  // Returns the lowest class with the most.
  HOST_DEVICE int64_t write_shares(const double* totals, int t, double total_weight,
                                   float* shares) const {
    int32_t leader = 0;
    double most = totals[place(0, t)];
    UNROLL
    for (int32_t c = 0; c < scores.limit(); ++c) {
      if (!scores.has(c)) {
        continue;
      }
      const double total = totals[place(c, t)];
      leader = total > most ? c : leader;
      most = total > most ? total : most;
      shares[c] = static_cast<float>(total / total_weight);
    }
    return leader;
  }
};

HOST_DEVICE int64_t joining_model(const VoteParams& params, int32_t k) {
  return params.ranking ? params.ranking[k] : k;
}

HOST_DEVICE double total_weight(const VoteParams& params) {
  double total = 0.0;
  for (int32_t k = 0; k < params.size; ++k) {
    total += params.weights ? params.weights[k] : 1.0;
  }
  return total;
}

template <typename Score>
HOST_DEVICE const Score* score_row(const VoteParams& params, int64_t model, int64_t sample) {
  return static_cast<const Score*>(params.predictions) +
         (model * params.samples + sample) * params.classes;
}

}  // namespace warpmix::ensemble
