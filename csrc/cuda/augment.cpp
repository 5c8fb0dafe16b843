// augment on CUDA: checks → guard → empty return → allocate → launch → launch check.
#include "../augment.h"

#include <torch/csrc/stable/ops.h>

#include "../boxed.h"
#include "augment/gpu/launch.h"
#include "augment/gpu/tiles.h"
#include "launch.h"

namespace warpmix::cuda {
namespace {

void augment(const AugmentCall& call) {
  const OnDevice on(call.images);
  augment::AugmentParams params = call.params;
  const int64_t blocks = augment::augment_blocks(params);
  WARPMIX_CHECK("augment", blocks <= kMaxGridX, "batch must need fewer than 2^31 blocks, got ",
                blocks);
  if (blocks == 0) {
    return;
  }
  // From torch's allocator, so that a captured graph keeps it; alive until the launches are queued,
  // after which the stream orders its reuse.
  Tensor entering;
  if (params.program.means > 0) {
    entering = torch::stable::new_zeros(call.images, {entering_count(params)}, ScalarType::Long);
    params.entering = static_cast<int64_t*>(entering.mutable_data_ptr());
  }
  Tensor statistics;
  if (const int64_t count = statistics_count(params); count > 0) {
    const auto device = call.images.device();
    statistics = torch::stable::empty({count}, ScalarType::Int, std::nullopt, device);
    params.statistics = static_cast<int32_t*>(statistics.mutable_data_ptr());
  }
  Tensor between;
  if (const int64_t count = between_count(params); count > 0) {
    const auto device = call.images.device();
    between = torch::stable::empty({count}, ScalarType::Float, std::nullopt, device);
    params.between_passes = static_cast<float*>(between.mutable_data_ptr());
  }
  augment::launch_augment(params, call.source_type, on.stream);
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace
}  // namespace warpmix::cuda

STABLE_TORCH_LIBRARY_IMPL(warpmix, CUDA, library) {
  using namespace warpmix;
  library.impl("augment", boxed<check_augment, cuda::augment>());
}
