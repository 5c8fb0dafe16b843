// One launch of a vote, as plain data. A vote and a curve are the same pass over the predictions;
// they differ in what they write down, and when.
#pragma once

#include "../host_device.h"

namespace warpmix::vote {

constexpr int kThreads = 128;
constexpr int kRegisterClasses = 16;  // up to here a GPU thread keeps its running sums in registers

enum class ScoreType : int32_t { kFloat32, kFloat16, kBFloat16 };

struct VoteParams {
  const void* predictions;  // [models, samples, classes]
  ScoreType type;
  bool logits;  // softmax them; else they are probabilities
  bool soft;    // keep the running sums of probabilities
  bool hard;    // keep the running votes
  int32_t classes;
  int32_t size;            // models that join
  int64_t samples;         // N
  const int64_t* ranking;  // [size] models in the order in which they join, or null: 0, 1, …
  const double* weights;   // [size] of each joining model, or null: all 1

  // A vote: the final decision, by the votes where `hard` alone is asked for.
  int64_t* labels;  // [N] or null
  float* scores;    // [N, classes] weighted mean probability, or share of the votes; or null

  // A curve: how many samples the first k + 1 models get right. Zeroed by the caller; or null.
  const int64_t* targets;  // [N]
  int64_t* soft_correct;   // [size]
  int64_t* hard_correct;   // [size]

  int64_t*
      invalid;  // [1] rows with a NaN or, among probabilities, a negative; zeroed by the caller

  // More than kRegisterClasses on a GPU: [classes, N] each, class by class.
  float* score_workspace;
  double* sum_workspace;
  double* vote_workspace;
};

}  // namespace warpmix::vote
