// The arithmetic of voting, for kLanes samples at once: 1 on a GPU, where a thread has one sample,
// and kTile on a CPU, whose compiler turns the inner loops into vectors. Models join one after the
// other, so every sum has one order; sums are float64. Ties go to the lowest class.
#pragma once

#include "../fixed_math.h"
#include "../float16.h"
#include "params.h"

namespace warpmix::vote {

// condition ? a : b. The host's form is arithmetic on the bits, because GCC turns the plain one, where
// b is what the result replaces, into masked stores, which cost many times a plain one.
HOST_DEVICE float choose(bool condition, float a, float b) {
#if defined(__CUDA_ARCH__)
  return condition ? a : b;
#else
  const uint32_t mask = 0u - static_cast<uint32_t>(condition);
  return float_from_bits((bits_from_float(a) & mask) | (bits_from_float(b) & ~mask));
#endif
}

HOST_DEVICE double choose(bool condition, double a, double b) {
#if defined(__CUDA_ARCH__)
  return condition ? a : b;
#else
  const uint64_t mask = 0u - static_cast<uint64_t>(condition);
  uint64_t bits_a, bits_b;
  std::memcpy(&bits_a, &a, sizeof a);
  std::memcpy(&bits_b, &b, sizeof b);
  const uint64_t bits = (bits_a & mask) | (bits_b & ~mask);
  double chosen;
  std::memcpy(&chosen, &bits, sizeof chosen);
  return chosen;
#endif
}

// kMost > 0: arrays of kMost classes, which can be registers; 0: any number, known at run time.
template <int kLanes, int kMost>
struct Tally {
  // [classes, lanes], `stride` apart from class to class.
  float* score;
  double* sum;
  double* votes;
  int64_t stride;
  int32_t classes;
  // Classes as numbers of the type that decides them, so that vectors choose both alike.
  double soft_leader[kLanes];
  int32_t hard_leader[kLanes];
  double hard_most[kLanes];  // the hard leader's votes

  HOST_DEVICE int32_t limit() const { return kMost > 0 ? kMost : classes; }
  HOST_DEVICE bool has(int32_t c) const { return kMost == 0 || c < classes; }

  HOST_DEVICE void clear() {
    UNROLL
    for (int32_t c = 0; c < limit(); ++c) {
      for (int t = 0; t < kLanes; ++t) {
        if (has(c)) {
          sum[c * stride + t] = 0.0;
          votes[c * stride + t] = 0.0;
        }
      }
    }
    for (int t = 0; t < kLanes; ++t) {
      soft_leader[t] = 0.0;
      hard_leader[t] = 0;
      hard_most[t] = 0.0;
    }
  }

  // The lowest class with the highest score, and that score.
  HOST_DEVICE void favourites(float (&highest)[kLanes], float (&label)[kLanes]) const {
    for (int t = 0; t < kLanes; ++t) {
      highest[t] = score[t];
      label[t] = 0.0f;
    }
    UNROLL
    for (int32_t c = 1; c < limit(); ++c) {
      if (!has(c)) {
        continue;
      }
      const float number = static_cast<float>(c);
      for (int t = 0; t < kLanes; ++t) {
        const float value = score[c * stride + t];
        const bool higher = value > highest[t];
        highest[t] = choose(higher, value, highest[t]);
        label[t] = choose(higher, number, label[t]);
      }
    }
  }

  // How many of the first `used` lanes hold no row that can be voted on.
  HOST_DEVICE int32_t invalid_rows(bool logits, int used) const {
    int32_t bad[kLanes] = {};
    UNROLL
    for (int32_t c = 0; c < limit(); ++c) {
      if (!has(c)) {
        continue;
      }
      for (int t = 0; t < kLanes; ++t) {
        const float value = score[c * stride + t];
        bad[t] |= logits ? !(value == value) : !(value >= 0.0f);
      }
    }
    int32_t count = 0;
    for (int t = 0; t < used; ++t) {
      count += bad[t];
    }
    return count;
  }

  // Logits to probabilities in place: softmax, summed in the order of the classes.
  HOST_DEVICE void softmax(const float* highest) {
    float total[kLanes] = {};
    UNROLL
    for (int32_t c = 0; c < limit(); ++c) {
      if (!has(c)) {
        continue;
      }
      for (int t = 0; t < kLanes; ++t) {
        const float e = fixed_exp(score[c * stride + t] - highest[t]);
        score[c * stride + t] = e;
        total[t] += e;
      }
    }
    UNROLL
    for (int32_t c = 0; c < limit(); ++c) {
      if (!has(c)) {
        continue;
      }
      for (int t = 0; t < kLanes; ++t) {
        score[c * stride + t] = score[c * stride + t] / total[t];
      }
    }
  }

  HOST_DEVICE void add_probabilities(double weight) {
    double most[kLanes];
    double leader[kLanes];
    for (int t = 0; t < kLanes; ++t) {
      most[t] = -1.0;
      leader[t] = 0.0;
    }
    UNROLL
    for (int32_t c = 0; c < limit(); ++c) {
      if (!has(c)) {
        continue;
      }
      const double number = static_cast<double>(c);
      for (int t = 0; t < kLanes; ++t) {
        const double total =
            sum[c * stride + t] + weight * static_cast<double>(score[c * stride + t]);
        sum[c * stride + t] = total;
        const bool more = total > most[t];
        most[t] = choose(more, total, most[t]);
        leader[t] = choose(more, number, leader[t]);
      }
    }
    for (int t = 0; t < kLanes; ++t) {
      soft_leader[t] = leader[t];
    }
  }

  // Votes only grow, so the leader changes to the class just voted for or not at all.
  HOST_DEVICE void add_votes(const float* label, double weight) {
    for (int t = 0; t < kLanes; ++t) {
      const int32_t voted = static_cast<int32_t>(label[t]);
      double won = 0.0;
      if constexpr (kMost == 0) {
        won = votes[voted * stride + t] + weight;
        votes[voted * stride + t] = won;
      } else {  // registers have no addresses: every class is looked at
        UNROLL
        for (int32_t c = 0; c < kMost; ++c) {
          const double total = votes[c * stride + t] + (c == voted ? weight : 0.0);
          votes[c * stride + t] = total;
          won = c == voted ? total : won;
        }
      }
      const bool leads = won > hard_most[t] || (won == hard_most[t] && voted < hard_leader[t]);
      hard_leader[t] = leads ? voted : hard_leader[t];
      hard_most[t] = leads ? won : hard_most[t];
    }
  }

  // One model's scores, already in `score`, join. Returns how many used lanes were invalid.
  HOST_DEVICE int32_t join(const VoteParams& params, double weight, int used) {
    float highest[kLanes];
    float label[kLanes];
    const int32_t invalid = invalid_rows(params.logits, used);
    favourites(highest, label);
    if (params.hard) {
      add_votes(label, weight);
    }
    if (params.soft) {
      if (params.logits) {
        softmax(highest);
      }
      add_probabilities(weight);
    }
    return invalid;
  }

  // The decision about lane t, which is `sample`; `total_weight` of all that joined. Two branches,
  // because choosing between the arrays by address would put them into local memory.
  HOST_DEVICE void write(const VoteParams& params, int64_t sample, int t,
                         double total_weight) const {
    float* scores = params.scores + sample * classes;
    if (params.soft) {
      params.labels[sample] = static_cast<int64_t>(soft_leader[t]);
      write_shares(sum, t, total_weight, scores);
    } else {
      params.labels[sample] = hard_leader[t];
      write_shares(votes, t, total_weight, scores);
    }
  }

  HOST_DEVICE void write_shares(const double* totals, int t, double total_weight,
                                float* scores) const {
    UNROLL
    for (int32_t c = 0; c < limit(); ++c) {
      if (has(c)) {
        scores[c] = static_cast<float>(totals[c * stride + t] / total_weight);
      }
    }
  }
};

HOST_DEVICE int64_t joining_model(const VoteParams& params, int32_t k) {
  return params.ranking ? params.ranking[k] : k;
}

HOST_DEVICE double joining_weight(const VoteParams& params, int32_t k) {
  return params.weights ? params.weights[k] : 1.0;
}

HOST_DEVICE double total_weight(const VoteParams& params) {
  double total = 0.0;
  for (int32_t k = 0; k < params.size; ++k) {
    total += joining_weight(params, k);
  }
  return total;
}

template <typename Score>
HOST_DEVICE const Score* score_row(const VoteParams& params, int64_t model, int64_t sample) {
  return static_cast<const Score*>(params.predictions) +
         (model * params.samples + sample) * params.classes;
}

}  // namespace warpmix::vote
