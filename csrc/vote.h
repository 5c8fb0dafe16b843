// The voting ops: argument lists, and their translation to a launch's plain parameters.
#pragma once

#include <cstdint>
#include <optional>

#include "checks.h"
#include "vote/params.h"

namespace warpmix {

// predictions: [M, N, C] f32, f16 or bf16; weights: [M] float64; labels: [N] int64;
// scores: [N, C] float32; targets: [N] int64; ranking: [K] int64 models, K of them join in turn;
// soft_correct, hard_correct: [K] int64; invalid: [1] int64; inverse_temperature: [M] float32, 1 /
// temperature; of a curve, weights and inverse_temperature are [K], of the models in the order in
// which they join.
#define WARPMIX_VOTE_ARGUMENTS                                                            \
  const Tensor &predictions, const std::optional<Tensor>&weights, bool hard, bool logits, \
      Tensor labels, Tensor scores, Tensor invalid,                                       \
      const std::optional<Tensor>&inverse_temperature
#define WARPMIX_PASS_VOTE \
  predictions, weights, hard, logits, labels, scores, invalid, inverse_temperature

#define WARPMIX_CURVE_ARGUMENTS                                                         \
  const Tensor &predictions, const Tensor &targets, const Tensor &ranking, bool logits, \
      Tensor soft_correct, Tensor hard_correct, Tensor invalid,                         \
      const std::optional<Tensor>&weights, const std::optional<Tensor>&inverse_temperature
#define WARPMIX_PASS_CURVE                                                             \
  predictions, targets, ranking, logits, soft_correct, hard_correct, invalid, weights, \
      inverse_temperature

// planes: [M, C, N] float32, what predictions' rows become as probabilities, or their logarithms.
#define WARPMIX_PLANES_ARGUMENTS                                                           \
  const Tensor &predictions, const std::optional<Tensor>&inverse_temperature, bool logits, \
      bool log, Tensor planes, Tensor invalid
#define WARPMIX_PASS_PLANES predictions, inverse_temperature, logits, log, planes, invalid

// planes: as above, or none to score by log-loss; own: [M, N] float32, the true class's; sum: [C,
// N] and own_sum: [N] float64 of the `members` so far; score: [M] int64.
#define WARPMIX_GREEDY_ARGUMENTS                                                          \
  const std::optional<Tensor>&planes, const Tensor &own, const std::optional<Tensor>&sum, \
      const Tensor &own_sum, const Tensor &targets, int64_t members, Tensor score
#define WARPMIX_PASS_GREEDY planes, own, sum, own_sum, targets, members, score

// right: [N] int64, a bit a rule; counts: [B, R] int64.
#define WARPMIX_BOOTSTRAP_ARGUMENTS const Tensor &right, int64_t seed, Tensor counts
#define WARPMIX_PASS_BOOTSTRAP right, seed, counts

namespace cpu {
void vote(WARPMIX_VOTE_ARGUMENTS);
void vote_emulated(WARPMIX_VOTE_ARGUMENTS);
void vote_curve(WARPMIX_CURVE_ARGUMENTS);
void vote_curve_emulated(WARPMIX_CURVE_ARGUMENTS);
void class_planes(WARPMIX_PLANES_ARGUMENTS);
void class_planes_emulated(WARPMIX_PLANES_ARGUMENTS);
void greedy_scores(WARPMIX_GREEDY_ARGUMENTS);
void greedy_scores_emulated(WARPMIX_GREEDY_ARGUMENTS);
void bootstrap(WARPMIX_BOOTSTRAP_ARGUMENTS);
void bootstrap_emulated(WARPMIX_BOOTSTRAP_ARGUMENTS);
}  // namespace cpu

namespace cuda {
void vote(WARPMIX_VOTE_ARGUMENTS);
void vote_curve(WARPMIX_CURVE_ARGUMENTS);
void class_planes(WARPMIX_PLANES_ARGUMENTS);
void greedy_scores(WARPMIX_GREEDY_ARGUMENTS);
void bootstrap(WARPMIX_BOOTSTRAP_ARGUMENTS);
}  // namespace cuda

vote::VoteParams vote_call(WARPMIX_VOTE_ARGUMENTS);
vote::VoteParams curve_call(WARPMIX_CURVE_ARGUMENTS);
vote::PlanesParams planes_call(WARPMIX_PLANES_ARGUMENTS);
vote::GreedyParams greedy_call(WARPMIX_GREEDY_ARGUMENTS);
vote::BootstrapParams bootstrap_call(WARPMIX_BOOTSTRAP_ARGUMENTS);

}  // namespace warpmix
