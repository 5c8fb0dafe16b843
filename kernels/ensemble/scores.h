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

template <int kLanes>
struct Scores {
  float* value;  // [classes, lanes], `stride` apart from class to class
  int64_t stride;
  int32_t classes;

  // The lowest class with the highest score, and that score. Returns how many of the first `used`
  // lanes hold no row that can be voted on: probabilities that are negative or of another sum than
  // 1, or logits that are not finite, whose products with 0 are NaN.
  HOST_DEVICE int32_t examine(bool logits, int used, float (&highest)[kLanes],
                              float (&label)[kLanes]) const {
    const float share = logits ? 0.0f : 1.0f;
    float lowest[kLanes];
    float total[kLanes];
    for (int t = 0; t < kLanes; ++t) {
      highest[t] = value[t];
      lowest[t] = value[t];
      total[t] = value[t] * share;
      label[t] = 0.0f;
    }
    UNROLL
    for (int32_t c = 1; c < classes; ++c) {
      const float number = static_cast<float>(c);
      for (int t = 0; t < kLanes; ++t) {
        const float score = value[c * stride + t];
        const bool higher = score > highest[t];
        highest[t] = choose(higher, score, highest[t]);
        label[t] = choose(higher, number, label[t]);
        lowest[t] = min_of(lowest[t], score);
        total[t] += score * share;
      }
    }
    int32_t invalid = 0;
    for (int t = 0; t < used; ++t) {
      invalid += !is_valid(logits, lowest[t], total[t]);
    }
    return invalid;
  }

  // Probabilities in place, of logits or of probabilities at another temperature: softmax, summed
  // in the order of the classes. `highest` as examine() found it; `inverse_temperature` is 1 /
  // temperature.
  HOST_DEVICE void normalise(bool logits, float inverse_temperature, const float* highest) {
    if (logits) {
      softmax<true>(inverse_temperature, highest);
    } else if (inverse_temperature != 1.0f) {
      softmax<false>(inverse_temperature, highest);
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
    UNROLL
    for (int32_t c = 0; c < classes; ++c) {
      for (int t = 0; t < kLanes; ++t) {
        value[c * stride + t] = value[c * stride + t] / total[t];
      }
    }
  }
};

}  // namespace warpmix::ensemble
