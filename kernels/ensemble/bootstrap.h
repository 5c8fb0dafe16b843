// Bootstrap replicates: which samples are drawn, and how many of them each rule gets right.
#pragma once

#include "../philox.h"
#include "count.h"
#include "params.h"

namespace warpmix::ensemble {

constexpr int kRulesAThread = 8;
constexpr int kDrawsAThread = 64;  // a multiple of the 4 words that Philox makes at once

HOST_DEVICE int64_t bootstrap_threads(const BootstrapParams& params) {
  return ceil_div<int64_t>(params.samples, kDrawsAThread);
}

// The samples that four draws of one replicate hit.
HOST_DEVICE Philox4 drawn_samples(const BootstrapParams& params, int32_t replicate, int64_t four) {
  Philox4 words =
      philox({{static_cast<uint32_t>(four), static_cast<uint32_t>(replicate), 0, 0}}, params.seed);
  for (int i = 0; i < 4; ++i) {
    words.word[i] =
        static_cast<uint32_t>(uniform_below(words.word[i], static_cast<int32_t>(params.samples)));
  }
  return words;
}

// A thread makes kDrawsAThread of a replicate's N draws, for kRulesAThread rules from `first` on.
HOST_DEVICE void bootstrap_body(const BootstrapParams& params, int64_t thread, int32_t replicate,
                                int32_t first) {
  const int64_t begin = thread * kDrawsAThread;
  const int64_t end = min_of<int64_t>(begin + kDrawsAThread, params.samples);
  int32_t count[kRulesAThread] = {};
  for (int64_t draw = begin; draw < end; draw += 4) {
    const Philox4 hit = drawn_samples(params, replicate, draw / 4);
    UNROLL
    for (int i = 0; i < 4; ++i) {
      const uint64_t right =
          draw + i < end ? static_cast<uint64_t>(params.right[hit.word[i]]) >> first : 0;
      UNROLL
      for (int rule = 0; rule < kRulesAThread; ++rule) {
        count[rule] += static_cast<int32_t>((right >> rule) & 1u);
      }
    }
  }
  UNROLL
  for (int rule = 0; rule < kRulesAThread; ++rule) {
    if (first + rule < params.rules) {
      sum_into(params.counts + int64_t{replicate} * params.rules + first + rule, count[rule]);
    }
  }
}

}  // namespace warpmix::ensemble
