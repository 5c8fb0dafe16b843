// The kernel of votes and curves, as a host-device function of the launch coordinates: a thread a
// sample.
#pragma once

#include "../count.h"
#include "../tally.h"

namespace warpmix::ensemble {

template <typename Score, int kMost>
HOST_DEVICE void vote_sample(const VoteParams& params, Tally<1, kMost>& tally, int64_t sample) {
  tally.clear();
  if (params.soft_correct) {
    tally.own[0] = static_cast<double>(params.targets[sample]);
  }
  Scores<1, kMost>& scores = tally.scores;
  for (int32_t k = 0; k < params.size; ++k) {
    const Score* row = score_row<Score>(params, joining_model(params, k), sample);
    UNROLL
    for (int32_t c = 0; c < scores.limit(); ++c) {
      if (scores.has(c)) {
        scores.value[c * scores.stride] = widen(row[c]);
      }
    }
    count_into(params.invalid, tally.join(params, k, 1) > 0);
    if (params.soft_correct) {
      count_into(params.soft_correct + k, tally.soft_wrong[0] == 0);
      count_into(params.hard_correct + k, tally.hard_leader[0] == tally.own[0]);
    }
  }
  if (params.labels) {
    tally.write(params, sample, 0, total_weight(params));
  }
}

template <typename Score, bool kRegisters>
HOST_DEVICE void vote_body(const VoteParams& params, int64_t block, int32_t thread) {
  const int64_t sample = block * kThreads + thread;
  if (sample >= params.samples) {
    return;
  }
  if constexpr (kRegisters) {
    float score[kRegisterClasses];
    double sum[kRegisterClasses];
    double votes[kRegisterClasses];
    Tally<1, kRegisterClasses> tally = {{score, 1, params.classes}, sum, votes, {}, {}, {}, {}};
    vote_sample<Score>(params, tally, sample);
  } else {
    Tally<1, 0> tally = {{params.score_workspace + sample, params.samples, params.classes},
                         params.sum_workspace + sample,
                         params.vote_workspace + sample,
                         {},
                         {},
                         {},
                         {}};
    vote_sample<Score>(params, tally, sample);
  }
}

// Calls function.run<Score, kRegisters>() with the types of one launch.
template <typename Function>
void dispatch(const VoteParams& params, const Function& function) {
  with_score_type(params.type, [&](auto score) {
    using Score = decltype(score);
    return params.classes <= kRegisterClasses ? function.template run<Score, true>()
                                              : function.template run<Score, false>();
  });
}

}  // namespace warpmix::ensemble
