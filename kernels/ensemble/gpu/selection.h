// The kernels that choose an ensemble, as host-device functions of the launch coordinates.
#pragma once

#include "../count.h"
#include "../greedy.h"
#include "../scores.h"

namespace warpmix::ensemble {

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
  Scores<1> scores = {params.planes + int64_t{model} * classes * params.samples + sample,
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
    wrong |= beats(total, own_total, int64_t{c}, target);
  }
  count_into(params.score + candidate, wrong == 0);
}

}  // namespace warpmix::ensemble
