// One model's row of scores, for kLanes samples at once: its favourite class, whether it can be
// voted on, and its probabilities. 1 lane on a GPU, where a thread has one sample; kTile on a CPU,
// whose compiler turns the inner loops into vectors.
#pragma once

#include "../fixed_math.h"
#include "../float16.h"
#include "choose.h"
#include "params.h"

namespace warpmix::ensemble {

// How far from 1 the sum of a row of probabilities may be: bfloat16 rounds each by 2^-9 at most.
constexpr float kSumTolerance = 0.01f;
constexpr float kLeast = 1.17549435e-38f;  // the least normal float32, which has a logarithm
// Smaller probabilities count as this one in a logarithm, which must stay finite.
constexpr double kLeastProbability = 1e-15;

// Whether a row can be voted on, by its lowest score and, of probabilities, its sum.
HOST_DEVICE bool is_valid(bool logits, float lowest, float total) {
  const float expected = logits ? 0.0f : 1.0f;
  return fabsf(total - expected) <= kSumTolerance && (logits || lowest >= 0.0f);
}

// a / b as IEEE rounds it, in 3 instructions where nvcc's own takes 10 and a branch; `reciprocal`
// is 1 / b, rounded. For a from 2^-100 on and b from 1 to 2^20 the remainder is exact, and what is
// rounded last is less than 1.5 · 2^-24 of a unit in the last place from a / b. Of the quotients
// that are so near to the middle of two floats none comes out wrong: test_vote.py tries them all.
HOST_DEVICE float quick_quotient(float a, float b, float reciprocal) {
  const float quotient = a * reciprocal;
  return fmaf(fmaf(quotient, -b, a), reciprocal, quotient);
}

// Of each lane's row.
template <int kLanes>
struct Extremes {
  float highest[kLanes];
  float lowest[kLanes];
  float label[kLanes];  // the lowest class with the highest score
};

template <int kLanes>
struct Scores {
  float* value;  // [classes, lanes], `stride` apart from class to class
  int64_t stride;
  int32_t classes;

  // The lowest class with the highest score, the highest and the lowest score. Returns how many of
  // the first `used` lanes hold no row that can be voted on: probabilities that are negative or of
  // another sum than 1, or logits that are not finite, whose products with 0 are NaN.
  HOST_DEVICE int32_t examine(bool logits, int used, Extremes<kLanes>& found) const {
    return logits ? examine<true>(used, found) : examine<false>(used, found);
  }

  // Probabilities in place, of logits or of probabilities at another temperature: softmax, summed
  // in the order of the classes. `found` by examine(); `inverse_temperature` is 1 / temperature.
  HOST_DEVICE void normalise(bool logits, float inverse_temperature,
                             const Extremes<kLanes>& found) {
    if (logits) {
      if (kLanes == 1 &&
          fabsf((found.lowest[0] - found.highest[0]) * inverse_temperature) <= 69.0f) {
        quick_softmax(inverse_temperature, found.highest[0]);
      } else {
        softmax<true>(inverse_temperature, found.highest);
      }
    } else if (inverse_temperature != 1.0f) {
      softmax<false>(inverse_temperature, found.highest);
    }
  }

  // Logarithms of probabilities, in place.
  HOST_DEVICE void take_logarithms() {
    constexpr float kFloor = static_cast<float>(kLeastProbability);
    UNROLL
    for (int32_t c = 0; c < classes; ++c) {
      for (int t = 0; t < kLanes; ++t) {
        value[c * stride + t] = fixed_log(max_of(value[c * stride + t], kFloor));
      }
    }
  }

  template <bool kLogits>
  HOST_DEVICE int32_t examine(int used, Extremes<kLanes>& found) const {
    float total[kLanes];
    for (int t = 0; t < kLanes; ++t) {
      found.highest[t] = value[t];
      found.lowest[t] = value[t];
      found.label[t] = 0.0f;
      total[t] = kLogits ? value[t] * 0.0f : value[t];
    }
    UNROLL
    for (int32_t c = 1; c < classes; ++c) {
      const float number = static_cast<float>(c);
      for (int t = 0; t < kLanes; ++t) {
        const float score = value[c * stride + t];
        const bool higher = score > found.highest[t];
        found.highest[t] = choose(higher, score, found.highest[t]);
        found.label[t] = choose(higher, number, found.label[t]);
        found.lowest[t] = at_most(score, found.lowest[t]);
        if constexpr (!kLogits) {
          total[t] += score;
        } else if constexpr (kLanes > 1) {
          total[t] += score * 0.0f;
        } else {  // the same NaN or not in one instruction
          total[t] = fmaf(score, 0.0f, total[t]);
        }
      }
    }
    int32_t invalid = 0;
    for (int t = 0; t < used; ++t) {
      invalid += !is_valid(kLogits, found.lowest[t], total[t]);
    }
    return invalid;
  }

  template <bool kLogits>
  HOST_DEVICE void softmax(float inverse_temperature, const float* highest) {
    float total[kLanes] = {};
    UNROLL
    for (int32_t c = 0; c < classes; ++c) {
      for (int t = 0; t < kLanes; ++t) {
        const float score = value[c * stride + t];
        float e;
        if constexpr (kLogits) {
          e = fixed_exp((score - highest[t]) * inverse_temperature);
        } else {  // p^inverse_temperature: 0 stays 0, which neither the logarithm nor fixed_exp
                  // could say
          const float ratio = fixed_log(max_of(score, kLeast)) - fixed_log(highest[t]);
          e = choose(score > 0.0f, fixed_exp(ratio * inverse_temperature), 0.0f);
        }
        value[c * stride + t] = e;
        total[t] += e;
      }
    }
    for (int32_t c = 0; c < classes; ++c) {
      for (int t = 0; t < kLanes; ++t) {
        value[c * stride + t] = value[c * stride + t] / total[t];
      }
    }
  }

  // The same of one lane's logits, whose exponentials are at least e^-69 > 2^-100: a third fewer
  // instructions.
  HOST_DEVICE void quick_softmax(float inverse_temperature, float highest) {
    float total = 0.0f;
    UNROLL
    for (int32_t c = 0; c < classes; ++c) {
      const float e = fixed_exp_within((value[c * stride] - highest) * inverse_temperature);
      value[c * stride] = e;
      total += e;
    }
    const float reciprocal = 1.0f / total;
    UNROLL
    for (int32_t c = 0; c < classes; ++c) {
      value[c * stride] = quick_quotient(value[c * stride], total, reciprocal);
    }
  }
};

}  // namespace warpmix::ensemble
