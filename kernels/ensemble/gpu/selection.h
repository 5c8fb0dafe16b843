// The kernels that choose an ensemble, as host-device functions of the launch coordinates.
#pragma once

#include "../count.h"
#include "../greedy.h"
#include "../scores.h"
#include "rows.h"

namespace warpmix::ensemble {

// ---- probabilities, class by class --------------------------------------------------------------

// A thread is one sample of one model, whose row becomes probabilities where it lies.
HOST_DEVICE void make_probabilities(const PlanesParams& params, int32_t model, Scores<1> scores) {
  Extremes<1> found;
  count_into(params.invalid, scores.examine(params.logits, 1, found) > 0);
  scores.normalise(params.logits,
                   params.inverse_temperature ? params.inverse_temperature[model] : 1.0f, found);
  if (params.log) {
    scores.take_logarithms();
  }
}

template <typename Score>
HOST_DEVICE const Score* plane_rows(const PlanesParams& params, int32_t model, int64_t sample) {
  return static_cast<const Score*>(params.predictions) +
         (model * params.samples + sample) * params.classes;
}

HOST_DEVICE float* own_planes(const PlanesParams& params, int32_t model, int64_t sample) {
  return params.planes + int64_t{model} * params.classes * params.samples + sample;
}

// More than kRegisterClasses: it lies in the planes it is written to.
template <typename Score>
HOST_DEVICE void planes_body(const PlanesParams& params, int64_t block, int32_t model,
                             int32_t thread) {
  const int64_t sample = block * kThreads + thread;
  if (sample >= params.samples) {
    return;
  }
  const Score* row = plane_rows<Score>(params, model, sample);
  Scores<1> scores = {own_planes(params, model, sample), params.samples, params.classes};
  for (int32_t c = 0; c < params.classes; ++c) {
    scores.value[c * scores.stride] = widen(row[c]);
  }
  make_probabilities(params, model, scores);
}

// Else in shared memory, where a warp puts its samples' rows in the order of their memory.
struct PlanesShared {
  float rows[kThreads / kWarp][kTileScores<kWarp>];
};

// Before a barrier of the warp.
template <typename Score>
HOST_DEVICE void place_planes(const PlanesParams& params, int64_t block, int32_t model,
                              int32_t thread, PlanesShared& shared) {
  const int64_t warp = block * (kThreads / kWarp) + thread / kWarp;
  const SampleTile<kWarp> tile(warp, params.samples);
  const int32_t elements = tile.used * params.classes;
  if (elements > 0) {  // the last block's last warps may have no sample
    Held held = {};
    const int32_t lane = thread % kWarp;
    read_rows<kWarp>(plane_rows<Score>(params, model, tile.first) + lane, elements, params.classes,
                     lane, held);
    place_rows<kWarp, Score>(held, elements, params.classes, lane, shared.rows[thread / kWarp]);
  }
}

// Behind it.
HOST_DEVICE void write_planes(const PlanesParams& params, int64_t block, int32_t model,
                              int32_t thread, PlanesShared& shared) {
  const int64_t sample = block * kThreads + thread;
  if (sample >= params.samples) {
    return;
  }
  float* row = shared.rows[thread / kWarp] + thread % kWarp * row_stride(params.classes);
  make_probabilities(params, model, {row, 1, params.classes});
  float* planes = own_planes(params, model, sample);
  for (int32_t c = 0; c < params.classes; ++c) {
    planes[c * params.samples] = row[c];
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
