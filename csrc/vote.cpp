// Checks, and the translation of the voting ops' arguments. Part of both modules.
#include "vote.h"

namespace warpmix {
namespace {

using vote::ScoreType;
using vote::VoteParams;

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
  WARPMIX_CHECK_DTYPE(op, invalid, ScalarType::Long);
  WARPMIX_CHECK(op, invalid.numel() == 1, "invalid must have one element");
  WARPMIX_CHECK_SAME_DEVICE(op, invalid, predictions);
  VoteParams params = {};
  params.predictions = predictions.const_data_ptr();
  params.type = score_type(op, predictions);
  params.logits = logits;
  params.samples = predictions.size(1);
  params.classes = static_cast<int32_t>(predictions.size(2));
  params.invalid = static_cast<int64_t*>(invalid.mutable_data_ptr());
  return params;
}

// The data of a contiguous tensor of this many elements on the predictions' device.
template <typename T>
T* data(const char* op, const char* name, const Tensor& tensor, const Tensor& predictions,
        ScalarType dtype, int64_t count) {
  WARPMIX_CHECK(op, tensor.scalar_type() == dtype, name, " must have ScalarType ",
                static_cast<int>(dtype), ", got ", static_cast<int>(tensor.scalar_type()));
  WARPMIX_CHECK(op, tensor.is_contiguous() && tensor.numel() == count, name,
                " must be contiguous with ", count, " elements, got ", tensor.numel());
  WARPMIX_CHECK_SAME_DEVICE(op, tensor, predictions);
  return static_cast<T*>(tensor.mutable_data_ptr());
}

constexpr int64_t kMaxGridY = 65535;  // CUDA's limit on gridDim.y

int32_t model_count(const char* op, const Tensor& of_models) {
  WARPMIX_CHECK(op, of_models.size(0) <= kMaxGridY, "at most 65535 models, got ",
                of_models.size(0));
  return static_cast<int32_t>(of_models.size(0));
}

void join_with(const char* op, const Tensor& predictions, const std::optional<Tensor>& weights,
               const std::optional<Tensor>& inverse_temperature, VoteParams& params) {
  if (weights) {
    params.weights =
        data<double>(op, "weights", *weights, predictions, ScalarType::Double, params.size);
  }
  if (inverse_temperature) {
    params.inverse_temperature = data<float>(op, "inverse_temperature", *inverse_temperature,
                                             predictions, ScalarType::Float, params.size);
  }
}

}  // namespace

VoteParams vote_call(WARPMIX_VOTE_ARGUMENTS) {
  constexpr const char* op = "vote";
  VoteParams params = common(op, predictions, logits, invalid);
  params.soft = !hard;
  params.hard = hard;
  params.size = static_cast<int32_t>(predictions.size(0));
  join_with(op, predictions, weights, inverse_temperature, params);
  params.labels =
      data<int64_t>(op, "labels", labels, predictions, ScalarType::Long, params.samples);
  params.scores = data<float>(op, "scores", scores, predictions, ScalarType::Float,
                              params.samples * params.classes);
  return params;
}

VoteParams curve_call(WARPMIX_CURVE_ARGUMENTS) {
  constexpr const char* op = "vote_curve";
  VoteParams params = common(op, predictions, logits, invalid);
  params.soft = params.hard = true;
  params.size = static_cast<int32_t>(ranking.numel());
  join_with(op, predictions, weights, inverse_temperature, params);
  params.ranking =
      data<int64_t>(op, "ranking", ranking, predictions, ScalarType::Long, params.size);
  params.targets =
      data<int64_t>(op, "targets", targets, predictions, ScalarType::Long, params.samples);
  params.soft_correct =
      data<int64_t>(op, "soft_correct", soft_correct, predictions, ScalarType::Long, params.size);
  params.hard_correct =
      data<int64_t>(op, "hard_correct", hard_correct, predictions, ScalarType::Long, params.size);
  return params;
}

vote::PlanesParams planes_call(WARPMIX_PLANES_ARGUMENTS) {
  constexpr const char* op = "class_planes";
  const VoteParams checked = common(op, predictions, logits, invalid);
  vote::PlanesParams params = {};
  params.predictions = checked.predictions;
  params.type = checked.type;
  params.logits = logits;
  params.log = log;
  params.models = model_count(op, predictions);
  params.classes = checked.classes;
  params.samples = checked.samples;
  if (inverse_temperature) {
    params.inverse_temperature = data<float>(op, "inverse_temperature", *inverse_temperature,
                                             predictions, ScalarType::Float, params.models);
  }
  params.planes = data<float>(op, "planes", planes, predictions, ScalarType::Float,
                              params.samples * params.models * params.classes);
  params.invalid = checked.invalid;
  return params;
}

vote::GreedyParams greedy_call(WARPMIX_GREEDY_ARGUMENTS) {
  constexpr const char* op = "greedy_scores";
  WARPMIX_CHECK_DIM(op, own, 2);
  WARPMIX_CHECK(op, planes.has_value() == sum.has_value(), "planes and sum go together");
  WARPMIX_CHECK(op, members >= 0 && members < 1 << 30, "members must be at least 0, got ", members);
  vote::GreedyParams params = {};
  params.models = model_count(op, own);
  params.samples = own.size(1);
  params.members = static_cast<int32_t>(members);
  params.own = data<float>(op, "own", own, own, ScalarType::Float, own.numel());
  if (planes) {
    WARPMIX_CHECK_DIM(op, *planes, 3);
    params.classes = static_cast<int32_t>(planes->size(1));
    const int64_t elements = params.samples * params.classes;
    params.planes =
        data<float>(op, "planes", *planes, own, ScalarType::Float, elements * params.models);
    params.sum = data<double>(op, "sum", *sum, own, ScalarType::Double, elements);
  }
  params.own_sum = data<double>(op, "own_sum", own_sum, own, ScalarType::Double, params.samples);
  params.targets = data<int64_t>(op, "targets", targets, own, ScalarType::Long, params.samples);
  params.score = data<int64_t>(op, "score", score, own, ScalarType::Long, params.models);
  return params;
}

vote::BootstrapParams bootstrap_call(WARPMIX_BOOTSTRAP_ARGUMENTS) {
  constexpr const char* op = "bootstrap";
  WARPMIX_CHECK_DIM(op, counts, 2);
  WARPMIX_CHECK(op, counts.size(0) <= kMaxGridY && counts.size(1) <= 64,
                "counts must be of up to 65535 replicates and 64 rules");
  WARPMIX_CHECK(op, right.numel() < int64_t{1} << 31, "right must have fewer than 2^31 samples");
  vote::BootstrapParams params = {};
  params.samples = right.numel();
  params.replicates = static_cast<int32_t>(counts.size(0));
  params.rules = static_cast<int32_t>(counts.size(1));
  params.seed = static_cast<uint64_t>(seed);
  params.right = data<int64_t>(op, "right", right, right, ScalarType::Long, params.samples);
  params.counts = data<int64_t>(op, "counts", counts, right, ScalarType::Long, counts.numel());
  return params;
}

}  // namespace warpmix
