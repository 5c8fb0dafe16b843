// The kernel of votes and curves of more classes than kRegisterClasses, as a host-device function
// of the launch coordinates: a thread a sample, its sums in memory. vote_tile.h has the other one.
#pragma once

#include "../count.h"
#include "../tally.h"

namespace warpmix::ensemble {

constexpr int kVoteThreads = 64;  // 157 blocks of 10,000 samples

HOST_DEVICE int64_t vote_blocks(const VoteParams& params) {
  return ceil_div<int64_t>(params.samples, kVoteThreads);
}

template <typename Score>
HOST_DEVICE void vote_body(const VoteParams& params, int64_t block, int32_t thread) {
  const int64_t sample = block * kVoteThreads + thread;
  if (sample >= params.samples) {
    return;
  }
  Tally<1> tally = {{params.score_workspace + sample, params.samples, params.classes},
                    params.sum_workspace + sample,
                    params.vote_workspace + sample,
                    {},
                    {},
                    {},
                    {}};
  tally.clear();
  if (params.soft_correct) {
    require_below(params.targets[sample], params.classes);
    tally.own[0] = static_cast<double>(params.targets[sample]);
  }
  Scores<1>& scores = tally.scores;
  for (int32_t k = 0; k < params.size; ++k) {
    const Score* row = score_row<Score>(params, joining_model(params, k), sample);
    UNROLL
    for (int32_t c = 0; c < scores.classes; ++c) {
      scores.value[c * scores.stride] = widen(row[c]);
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

}  // namespace warpmix::ensemble
