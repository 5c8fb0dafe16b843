// The CUDA backend of the ops that choose an ensemble: checks, guard, empty return, launch, check.
#include <cuda_runtime.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>

#include "../vote.h"
#include "stream.h"
#include "vote/vote.h"

namespace warpmix::cuda {
namespace {

using torch::stable::accelerator::DeviceGuard;

void clear(int64_t* counts, int64_t size, cudaStream_t stream) {
  STD_CUDA_CHECK(cudaMemsetAsync(counts, 0, sizeof(int64_t) * size, stream));
}

}  // namespace

void class_planes(WARPMIX_PLANES_ARGUMENTS) {
  const vote::PlanesParams params = planes_call(WARPMIX_PASS_PLANES);
  const DeviceGuard guard(predictions.get_device_index());
  const cudaStream_t stream = current_stream(predictions);
  clear(params.invalid, 1, stream);
  if (params.samples == 0) {
    return;
  }
  vote::launch_planes(params, stream);
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

void greedy_scores(WARPMIX_GREEDY_ARGUMENTS) {
  const vote::GreedyParams params = greedy_call(WARPMIX_PASS_GREEDY);
  const DeviceGuard guard(own.get_device_index());
  const cudaStream_t stream = current_stream(own);
  clear(params.score, params.models, stream);
  if (params.samples == 0) {
    return;
  }
  vote::launch_greedy(params, stream);
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

void bootstrap(WARPMIX_BOOTSTRAP_ARGUMENTS) {
  const vote::BootstrapParams params = bootstrap_call(WARPMIX_PASS_BOOTSTRAP);
  const DeviceGuard guard(right.get_device_index());
  const cudaStream_t stream = current_stream(right);
  clear(params.counts, counts.numel(), stream);
  if (params.samples == 0 || counts.numel() == 0) {
    return;
  }
  vote::launch_bootstrap(params, stream);
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace warpmix::cuda

STABLE_TORCH_LIBRARY_IMPL(warpmix, CUDA, library) {
  library.impl("class_planes", TORCH_BOX(&warpmix::cuda::class_planes));
  library.impl("greedy_scores", TORCH_BOX(&warpmix::cuda::greedy_scores));
  library.impl("bootstrap", TORCH_BOX(&warpmix::cuda::bootstrap));
}
