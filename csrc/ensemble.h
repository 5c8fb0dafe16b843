// The ensemble ops' checks, which translate their arguments to a launch's plain parameters.
#pragma once

#include <cstdint>
#include <optional>

#include "checks.h"
#include "ensemble/params.h"

namespace warpmix {

using OptionalTensor = std::optional<Tensor>;

// What to launch, and a tensor on its device.
struct VoteCall {
  ensemble::VoteParams params;
  Tensor predictions;
};

struct PlanesCall {
  ensemble::PlanesParams params;
  Tensor predictions;
};

struct GreedyCall {
  ensemble::GreedyParams params;
  Tensor own;
};

struct BootstrapCall {
  ensemble::BootstrapParams params;
  Tensor right;
};

// predictions: [M, N, C] f32, f16 or bf16; weights: [M] float64; labels: [N] int64;
// scores: [N, C] float32; invalid: [1] int64; inverse_temperature: [M] float32, 1 / temperature.
VoteCall check_vote(const Tensor& predictions, const OptionalTensor& weights, bool hard,
                    bool logits, const Tensor& labels, const Tensor& scores, const Tensor& invalid,
                    const OptionalTensor& inverse_temperature);

// targets: [N] int64; ranking: [K] int64 models, K of them join in turn; soft_correct,
// hard_correct: [K] int64; weights and inverse_temperature are [K], of the models in the order in
// which they join.
VoteCall check_vote_curve(const Tensor& predictions, const Tensor& targets, const Tensor& ranking,
                          bool logits, const Tensor& soft_correct, const Tensor& hard_correct,
                          const Tensor& invalid, const OptionalTensor& weights,
                          const OptionalTensor& inverse_temperature);

// planes: [M, C, N] float32, what predictions' rows become as probabilities, or their logarithms.
PlanesCall check_class_planes(const Tensor& predictions, const OptionalTensor& inverse_temperature,
                              bool logits, bool log, const Tensor& planes, const Tensor& invalid);

// planes: as above, or none to score by log-loss; own: [M, N] float32, the true class's; sum: [C,
// N] and own_sum: [N] float64 of the `members` so far; score: [M] int64.
GreedyCall check_greedy_scores(const OptionalTensor& planes, const Tensor& own,
                               const OptionalTensor& sum, const Tensor& own_sum,
                               const Tensor& targets, int64_t members, const Tensor& score);

// right: [N] int64, a bit a rule; counts: [B, R] int64.
BootstrapCall check_bootstrap(const Tensor& right, int64_t seed, const Tensor& counts);

}  // namespace warpmix
