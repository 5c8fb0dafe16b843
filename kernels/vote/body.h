// The vote kernel's body, as a host-device function of the launch coordinates: a thread a sample.
#pragma once

#include "tally.h"

namespace warpmix::vote {

// Adds a flag of every active thread of the warp to one counter, in one atomic a warp.
HOST_DEVICE void count_into(int64_t* counter, bool flag) {
#if defined(__CUDA_ARCH__)
  const unsigned active = __activemask();
  const unsigned flags = __ballot_sync(active, flag);
  const unsigned first = __ffs(active) - 1;
  if (threadIdx.x % 32 == first && flags != 0) {
    atomicAdd(reinterpret_cast<unsigned long long*>(counter),
              static_cast<unsigned long long>(__popc(flags)));
  }
#else
  *counter += flag;
#endif
}

template <typename Score, int kMost>
HOST_DEVICE void vote_sample(const VoteParams& params, Tally<1, kMost>& tally, int64_t sample) {
  tally.clear();
  for (int32_t k = 0; k < params.size; ++k) {
    const Score* row = score_row<Score>(params, joining_model(params, k), sample);
    UNROLL
    for (int32_t c = 0; c < tally.limit(); ++c) {
      if (tally.has(c)) {
        tally.score[c * tally.stride] = widen(row[c]);
      }
    }
    count_into(params.invalid, tally.join(params, joining_weight(params, k), 1) > 0);
    if (params.soft_correct) {
      const int64_t target = params.targets[sample];
      count_into(params.soft_correct + k, static_cast<int64_t>(tally.soft_leader[0]) == target);
      count_into(params.hard_correct + k, tally.hard_leader[0] == target);
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
    Tally<1, kRegisterClasses> tally = {score, sum, votes, 1, params.classes, {0.0}, {0}, {0.0}};
    vote_sample<Score>(params, tally, sample);
  } else {
    Tally<1, 0> tally = {params.score_workspace + sample,
                         params.sum_workspace + sample,
                         params.vote_workspace + sample,
                         params.samples,
                         params.classes,
                         {0.0},
                         {0},
                         {0.0}};
    vote_sample<Score>(params, tally, sample);
  }
}

// Calls function.run<Score, kRegisters>() with the types of one launch.
template <typename Function>
void dispatch(const VoteParams& params, const Function& function) {
  const bool registers = params.classes <= kRegisterClasses;
  switch (params.type) {
    case ScoreType::kFloat32:
      return registers ? function.template run<float, true>()
                       : function.template run<float, false>();
    case ScoreType::kFloat16:
      return registers ? function.template run<Half, true>() : function.template run<Half, false>();
    case ScoreType::kBFloat16:
      return registers ? function.template run<BFloat16, true>()
                       : function.template run<BFloat16, false>();
  }
}

}  // namespace warpmix::vote
