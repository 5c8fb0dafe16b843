// The CUDA backend of the voting ops: checks, guard, empty return, workspace, launch, launch check.
#include "../vote.h"

#include <cuda_runtime.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include "stream.h"
#include "vote/vote.h"

namespace warpmix::cuda {
namespace {

void clear(int64_t* counts, int64_t size, cudaStream_t stream) {
  STD_CUDA_CHECK(cudaMemsetAsync(counts, 0, sizeof(int64_t) * size, stream));
}

void run(vote::VoteParams params, const Tensor& predictions) {
  const torch::stable::accelerator::DeviceGuard guard(predictions.get_device_index());
  const cudaStream_t stream = current_stream(predictions);
  clear(params.invalid, 1, stream);
  if (params.soft_correct) {
    clear(params.soft_correct, params.size, stream);
    clear(params.hard_correct, params.size, stream);
  }
  const int64_t blocks = ceil_div<int64_t>(params.samples, vote::kThreads);
  WARPMIX_CHECK("vote", blocks <= kMaxGridX, "predictions must need fewer than 2^31 blocks");
  if (blocks == 0) {
    return;
  }
  // torch's caching allocator keeps the memory for this stream after the tensors are gone.
  std::optional<Tensor> scores, sums, votes;
  if (params.classes > vote::kRegisterClasses) {
    const auto device = predictions.device();
    const int64_t elements = params.samples * params.classes;
    scores = torch::stable::empty({elements}, ScalarType::Float, std::nullopt, device);
    sums = torch::stable::empty({elements}, ScalarType::Double, std::nullopt, device);
    votes = torch::stable::empty({elements}, ScalarType::Double, std::nullopt, device);
    params.score_workspace = static_cast<float*>(scores->mutable_data_ptr());
    params.sum_workspace = static_cast<double*>(sums->mutable_data_ptr());
    params.vote_workspace = static_cast<double*>(votes->mutable_data_ptr());
  }
  vote::launch_vote(params, stream);
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace

void vote(WARPMIX_VOTE_ARGUMENTS) { run(vote_call(WARPMIX_PASS_VOTE), predictions); }

void vote_curve(WARPMIX_CURVE_ARGUMENTS) { run(curve_call(WARPMIX_PASS_CURVE), predictions); }

}  // namespace warpmix::cuda

STABLE_TORCH_LIBRARY_IMPL(warpmix, CUDA, library) {
  library.impl("vote", TORCH_BOX(&warpmix::cuda::vote));
  library.impl("vote_curve", TORCH_BOX(&warpmix::cuda::vote_curve));
}
