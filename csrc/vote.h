// The voting ops: argument lists, and their translation to a launch's plain parameters.
#pragma once

#include <cstdint>
#include <optional>

#include "checks.h"
#include "vote/params.h"

namespace warpmix {

// predictions: [M, N, C] f32, f16 or bf16; weights: [M] float64; labels: [N] int64;
// scores: [N, C] float32; targets: [N] int64; ranking: [K] int64 models, K of them join in turn;
// soft_correct, hard_correct: [K] int64; invalid: [1] int64.
#define WARPMIX_VOTE_ARGUMENTS                                                            \
  const Tensor &predictions, const std::optional<Tensor>&weights, bool hard, bool logits, \
      Tensor labels, Tensor scores, Tensor invalid
#define WARPMIX_PASS_VOTE predictions, weights, hard, logits, labels, scores, invalid

#define WARPMIX_CURVE_ARGUMENTS                                                         \
  const Tensor &predictions, const Tensor &targets, const Tensor &ranking, bool logits, \
      Tensor soft_correct, Tensor hard_correct, Tensor invalid
#define WARPMIX_PASS_CURVE \
  predictions, targets, ranking, logits, soft_correct, hard_correct, invalid

namespace cpu {
void vote(WARPMIX_VOTE_ARGUMENTS);
void vote_emulated(WARPMIX_VOTE_ARGUMENTS);
void vote_curve(WARPMIX_CURVE_ARGUMENTS);
void vote_curve_emulated(WARPMIX_CURVE_ARGUMENTS);
}  // namespace cpu

namespace cuda {
void vote(WARPMIX_VOTE_ARGUMENTS);
void vote_curve(WARPMIX_CURVE_ARGUMENTS);
}  // namespace cuda

vote::VoteParams vote_call(WARPMIX_VOTE_ARGUMENTS);
vote::VoteParams curve_call(WARPMIX_CURVE_ARGUMENTS);

}  // namespace warpmix
