// The CUDA backend of the augmentation ops: checks, guard, empty return, launch, launch check.
#include "../augment.h"

#include <cuda_runtime.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include "augment/augment.h"
#include "augment/body.h"
#include "augment/sums.h"
#include "stream.h"

namespace warpmix::cuda {

void augment(WARPMIX_AUGMENT_ARGUMENTS) {
  AugmentCall call = augment_call(WARPMIX_PASS_AUGMENT);
  const torch::stable::accelerator::DeviceGuard guard(images.get_device_index());
  const int64_t blocks = augment::augment_blocks(call.params);
  WARPMIX_CHECK("augment", blocks <= kMaxGridX, "batch must need fewer than 2^31 blocks, got ",
                blocks);
  if (blocks == 0) {
    return;
  }
  // From torch's allocator, so that a captured graph keeps it; alive until the launches are queued,
  // after which the stream orders its reuse.
  Tensor entering;
  if (call.params.program.means > 0) {
    entering = torch::stable::new_zeros(lam, {entering_count(call.params)}, ScalarType::Long);
    call.params.entering = static_cast<int64_t*>(entering.mutable_data_ptr());
  }
  augment::launch_augment(call.params, call.source_is_float, current_stream(images));
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

void draw(WARPMIX_DRAW_ARGUMENTS) {
  const augment::AugmentParams params = draw_call(WARPMIX_PASS_DRAW);
  const torch::stable::accelerator::DeviceGuard guard(images.get_device_index());
  if (augment::draw_slots(params) == 0) {
    return;
  }
  augment::launch_draw(params, static_cast<int32_t*>(draws.mutable_data_ptr()),
                       current_stream(images));
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

void channel_sums(const Tensor& images, Tensor sums) {
  const augment::SumsParams params = sums_call(images, sums);
  const torch::stable::accelerator::DeviceGuard guard(images.get_device_index());
  if (params.image_count == 0) {
    return;
  }
  const cudaStream_t stream = current_stream(images);
  STD_CUDA_CHECK(cudaMemsetAsync(params.sums, 0,
                                 sizeof(int64_t) * params.image_count * params.channels, stream));
  augment::launch_channel_sums(params, images.scalar_type() == ScalarType::Float, stream);
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace warpmix::cuda

STABLE_TORCH_LIBRARY_IMPL(warpmix, CUDA, library) {
  library.impl("augment", TORCH_BOX(&warpmix::cuda::augment));
  library.impl("draw", TORCH_BOX(&warpmix::cuda::draw));
  library.impl("channel_sums", TORCH_BOX(&warpmix::cuda::channel_sums));
}
