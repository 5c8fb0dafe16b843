// The launches of this folder, as plain data.
#pragma once

#include "../float16.h"
#include "../host_device.h"

namespace warpmix::ensemble {

constexpr int kThreads = 128;
constexpr int kRegisterClasses = 16;  // up to here a GPU keeps a sample's running sums on the chip

enum class ScoreType : int32_t { kFloat32, kFloat16, kBFloat16 };

// Calls function(Score{}) with the type that predictions have.
template <typename Function>
void with_score_type(ScoreType type, const Function& function) {
  switch (type) {
    case ScoreType::kFloat32:
      return function(float{});
    case ScoreType::kFloat16:
      return function(Half{});
    case ScoreType::kBFloat16:
      return function(BFloat16{});
  }
}

// A vote and a curve are the same pass over the predictions; they differ in what they write down,
// and when.
struct VoteParams {
  const void* predictions;  // [models, samples, classes]
  ScoreType type;
  bool logits;  // softmax them; else they are probabilities
  bool soft;    // keep the running sums of probabilities
  bool hard;    // keep the running votes
  int32_t classes;
  int32_t models;          // that there are predictions of
  int32_t size;            // models that join
  int64_t samples;         // N
  const int64_t* ranking;  // [size] models in the order in which they join, or null: 0, 1, …
  const double* weights;   // [size] of each joining model, or null: all 1
  const float* inverse_temperature;  // [size] 1 / temperature of each joining model, or null: all 1

  // A vote: the final decision, by the votes where `hard` alone is asked for.
  int64_t* labels;  // [N] or null
  float* scores;    // [N, classes] weighted mean probability, or share of the votes; or null

  // A curve: how many samples the first k + 1 models get right. Zeroed by the caller; or null.
  const int64_t* targets;  // [N]
  int64_t* soft_correct;   // [size]
  int64_t* hard_correct;   // [size]

  // [1] rows that are no distribution, or logits that are not finite; zeroed by the caller
  int64_t* invalid;

  // More than kRegisterClasses on a GPU: [classes, N] each, class by class.
  float* score_workspace;
  double* sum_workspace;
  double* vote_workspace;
};

// Probabilities class by class, so that neighbouring threads read neighbouring samples.
struct PlanesParams {
  const void* predictions;  // [models, samples, classes]
  ScoreType type;
  bool logits;
  bool log;  // write the probabilities' logarithms
  int32_t models;
  int32_t classes;
  int64_t samples;                   // N
  const float* inverse_temperature;  // [models] 1 / temperature, or null: all 1
  float* planes;                     // [models, classes, N]
  int64_t* invalid;                  // [1] as a vote's; zeroed by the caller
};

// What the ensemble would score with each candidate added.
struct GreedyParams {
  int32_t models;
  int32_t classes;
  int64_t samples;         // N
  const float* planes;     // [models, classes, N], or null: by log-loss
  const float* own;        // [models, N] the true class's probability
  const double* sum;       // [classes, N] of the members so far
  const double* own_sum;   // [N] of the members so far, the true class's
  const int64_t* targets;  // [N]
  int32_t members;         // so far
  int64_t* score;  // [models] samples right; or the negative log-loss, summed in steps of 2^-32.
                   // Zeroed by the caller.
};

// Bootstrap replicates of how many samples each of up to 64 decision rules gets right.
struct BootstrapParams {
  const int64_t* right;  // [N] bit r: rule r gets the sample right
  int64_t samples;       // N, below 2^31
  int32_t rules;         // up to 64
  int32_t replicates;
  uint64_t seed;
  int64_t* counts;  // [replicates, rules]; zeroed by the caller
};

}  // namespace warpmix::ensemble
