// Checks, and the translation of the ensemble ops' arguments. Part of both modules.
#include "ensemble.h"

namespace warpmix {
namespace {

using ensemble::ScoreType;
using ensemble::VoteParams;

ScoreType score_type(const char* op, const Tensor& predictions) {
  switch (predictions.scalar_type()) {
    case ScalarType::Float:
      return ScoreType::kFloat32;
    case ScalarType::Half:
      return ScoreType::kFloat16;
    case ScalarType::BFloat16:
      return ScoreType::kBFloat16;
    default:
      WARPMIX_CHECK(op, false, "predictions must be float32, float16 or bfloat16");
  }
  return ScoreType::kFloat32;
}

VoteParams common(const char* op, const Tensor& predictions, bool logits, const Tensor& invalid) {
  WARPMIX_CHECK_DIM(op, predictions, 3);
  WARPMIX_CHECK_CONTIGUOUS(op, predictions);
  WARPMIX_CHECK(op, predictions.size(2) >= 1 && predictions.size(2) <= 1 << 24,
                "predictions must have 1 to 2^24 classes, got ", predictions.size(2));
  VoteParams params = {};
  params.predictions = predictions.const_data_ptr();
  params.type = score_type(op, predictions);
  params.logits = logits;
  params.samples = predictions.size(1);
  params.classes = static_cast<int32_t>(predictions.size(2));
  params.invalid = checked_data<int64_t>(op, "invalid", invalid, predictions, 1);
  return params;
}

constexpr int64_t kMaxGridY = 65535;  // CUDA's limit on gridDim.y

int32_t model_count(const char* op, const Tensor& of_models) {
  WARPMIX_CHECK(op, of_models.size(0) <= kMaxGridY, "at most 65535 models, got ",
                of_models.size(0));
  return static_cast<int32_t>(of_models.size(0));
}

void join_with(const char* op, const Tensor& predictions, const OptionalTensor& weights,
               const OptionalTensor& inverse_temperature, VoteParams& params) {
  if (weights) {
    params.weights = checked_data<const double>(op, "weights", *weights, predictions, params.size);
  }
  if (inverse_temperature) {
    params.inverse_temperature = checked_data<const float>(
        op, "inverse_temperature", *inverse_temperature, predictions, params.size);
  }
}

// Numbers that the kernels take as places, where they lie in host memory. On a GPU, Python checks
// them before they go there, and the kernels stop at one that is none (require_below).
void require_host_below(const char* op, const char* name, const int64_t* values,
                        const Tensor& tensor, int64_t limit) {
  for (int64_t i = 0; !tensor.is_cuda() && i < tensor.numel(); ++i) {
    WARPMIX_CHECK(op, values[i] >= 0 && values[i] < limit, name, " must be in [0, ", limit,
                  "), got ", values[i]);
  }
}

}  // namespace

VoteCall check_vote(const Tensor& predictions, const OptionalTensor& weights, bool hard,
                    bool logits, const Tensor& labels, const Tensor& scores, const Tensor& invalid,
                    const OptionalTensor& inverse_temperature) {
  constexpr const char* op = "vote";
  VoteParams params = common(op, predictions, logits, invalid);
  params.soft = !hard;
  params.hard = hard;
  WARPMIX_CHECK(op, predictions.size(0) >= 1 && predictions.size(0) <= INT32_MAX,
                "predictions must be of 1 to 2^31 - 1 models, got ", predictions.size(0));
  params.size = static_cast<int32_t>(predictions.size(0));
  join_with(op, predictions, weights, inverse_temperature, params);
  params.labels = checked_data<int64_t>(op, "labels", labels, predictions, params.samples);
  params.scores =
      checked_data<float>(op, "scores", scores, predictions, params.samples * params.classes);
  return {params, predictions};
}

VoteCall check_vote_curve(const Tensor& predictions, const Tensor& targets, const Tensor& ranking,
                          bool logits, const Tensor& soft_correct, const Tensor& hard_correct,
                          const Tensor& invalid, const OptionalTensor& weights,
                          const OptionalTensor& inverse_temperature) {
  constexpr const char* op = "vote_curve";
  VoteParams params = common(op, predictions, logits, invalid);
  params.soft = params.hard = true;
  params.size = static_cast<int32_t>(ranking.numel());
  join_with(op, predictions, weights, inverse_temperature, params);
  params.ranking = checked_data<const int64_t>(op, "ranking", ranking, predictions, params.size);
  params.targets = checked_data<const int64_t>(op, "targets", targets, predictions, params.samples);
  require_host_below(op, "ranking", params.ranking, ranking, predictions.size(0));
  require_host_below(op, "targets", params.targets, targets, params.classes);
  params.soft_correct =
      checked_data<int64_t>(op, "soft_correct", soft_correct, predictions, params.size);
  params.hard_correct =
      checked_data<int64_t>(op, "hard_correct", hard_correct, predictions, params.size);
  return {params, predictions};
}

PlanesCall check_class_planes(const Tensor& predictions, const OptionalTensor& inverse_temperature,
                              bool logits, bool log, const Tensor& planes, const Tensor& invalid) {
  constexpr const char* op = "class_planes";
  const VoteParams checked = common(op, predictions, logits, invalid);
  ensemble::PlanesParams params = {};
  params.predictions = checked.predictions;
  params.type = checked.type;
  params.logits = logits;
  params.log = log;
  params.models = model_count(op, predictions);
  params.classes = checked.classes;
  params.samples = checked.samples;
  if (inverse_temperature) {
    params.inverse_temperature = checked_data<const float>(
        op, "inverse_temperature", *inverse_temperature, predictions, params.models);
  }
  params.planes = checked_data<float>(op, "planes", planes, predictions,
                                      params.samples * params.models * params.classes);
  params.invalid = checked.invalid;
  return {params, predictions};
}

GreedyCall check_greedy_scores(const OptionalTensor& planes, const Tensor& own,
                               const OptionalTensor& sum, const Tensor& own_sum,
                               const Tensor& targets, int64_t members, const Tensor& score) {
  constexpr const char* op = "greedy_scores";
  WARPMIX_CHECK_DIM(op, own, 2);
  WARPMIX_CHECK(op, planes.has_value() == sum.has_value(), "planes and sum go together");
  WARPMIX_CHECK(op, members >= 0 && members < 1 << 30, "members must be at least 0, got ", members);
  ensemble::GreedyParams params = {};
  params.models = model_count(op, own);
  params.samples = own.size(1);
  params.members = static_cast<int32_t>(members);
  params.own = checked_data<const float>(op, "own", own, own, own.numel());
  if (planes) {
    WARPMIX_CHECK_DIM(op, *planes, 3);
    params.classes = static_cast<int32_t>(planes->size(1));
    const int64_t elements = params.samples * params.classes;
    params.planes = checked_data<const float>(op, "planes", *planes, own, elements * params.models);
    params.sum = checked_data<const double>(op, "sum", *sum, own, elements);
  }
  params.own_sum = checked_data<const double>(op, "own_sum", own_sum, own, params.samples);
  params.targets = checked_data<const int64_t>(op, "targets", targets, own, params.samples);
  params.score = checked_data<int64_t>(op, "score", score, own, params.models);
  return {params, own};
}

BootstrapCall check_bootstrap(const Tensor& right, int64_t seed, const Tensor& counts) {
  constexpr const char* op = "bootstrap";
  WARPMIX_CHECK_DIM(op, counts, 2);
  WARPMIX_CHECK(op, counts.size(0) <= kMaxGridY && counts.size(1) <= 64,
                "counts must be of up to 65535 replicates and 64 rules");
  WARPMIX_CHECK(op, right.numel() < int64_t{1} << 31, "right must have fewer than 2^31 samples");
  ensemble::BootstrapParams params = {};
  params.samples = right.numel();
  params.replicates = static_cast<int32_t>(counts.size(0));
  params.rules = static_cast<int32_t>(counts.size(1));
  params.seed = static_cast<uint64_t>(seed);
  params.right = checked_data<const int64_t>(op, "right", right, right, params.samples);
  params.counts = checked_data<int64_t>(op, "counts", counts, right, counts.numel());
  return {params, right};
}

}  // namespace warpmix
