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

}  // namespace

VoteParams vote_call(WARPMIX_VOTE_ARGUMENTS) {
  constexpr const char* op = "vote";
  VoteParams params = common(op, predictions, logits, invalid);
  params.soft = !hard;
  params.hard = hard;
  params.size = static_cast<int32_t>(predictions.size(0));
  if (weights) {
    params.weights =
        data<double>(op, "weights", *weights, predictions, ScalarType::Double, params.size);
  }
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

}  // namespace warpmix
