// vote and vote_curve on CUDA: checks → guard → zeros → empty return → workspace → launch → launch
// check.
#include <torch/csrc/stable/ops.h>

#include "../boxed.h"
#include "../ensemble.h"
#include "ensemble/gpu/launch.h"
#include "launch.h"

namespace warpmix::cuda {
namespace {

void vote(const VoteCall& call) {
  const OnDevice on(call.predictions);
  ensemble::VoteParams params = call.params;
  on.zero(params.invalid, 1);
  if (params.soft_correct) {
    on.zero(params.soft_correct, params.size);
    on.zero(params.hard_correct, params.size);
  }
  const int64_t blocks = ceil_div<int64_t>(params.samples, ensemble::kThreads);
  WARPMIX_CHECK("vote", blocks <= kMaxGridX, "predictions must need fewer than 2^31 blocks");
  if (blocks == 0 || params.size == 0) {
    return;
  }
  // torch's caching allocator keeps the memory for this stream after the tensors are gone.
  std::optional<Tensor> scores, sums, votes;
  if (params.classes > ensemble::kRegisterClasses) {
    const auto device = call.predictions.device();
    const int64_t elements = params.samples * params.classes;
    scores = torch::stable::empty({elements}, ScalarType::Float, std::nullopt, device);
    sums = torch::stable::empty({elements}, ScalarType::Double, std::nullopt, device);
    votes = torch::stable::empty({elements}, ScalarType::Double, std::nullopt, device);
    params.score_workspace = static_cast<float*>(scores->mutable_data_ptr());
    params.sum_workspace = static_cast<double*>(sums->mutable_data_ptr());
    params.vote_workspace = static_cast<double*>(votes->mutable_data_ptr());
  }
  ensemble::launch_vote(params, on.stream);
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace
}  // namespace warpmix::cuda

STABLE_TORCH_LIBRARY_IMPL(warpmix, CUDA, library) {
  using namespace warpmix;
  library.impl("vote", boxed<check_vote, cuda::vote>());
  library.impl("vote_curve", boxed<check_vote_curve, cuda::vote>());
}
