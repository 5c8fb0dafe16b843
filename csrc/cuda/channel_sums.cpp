// channel_sums on CUDA: checks → guard → empty return → zeros → launch → launch check.
#include "augment/gpu/channel_sums.h"

#include "../augment.h"
#include "../boxed.h"
#include "augment/gpu/launch.h"
#include "launch.h"

namespace warpmix::cuda {
namespace {

void channel_sums(const SumsCall& call) {
  const OnDevice on(call.images);
  const augment::SumsParams& params = call.params;
  const int64_t blocks = call.source_is_float ? augment::sum_blocks<float>(params)
                                              : augment::sum_blocks<uint8_t>(params);
  WARPMIX_CHECK("channel_sums", blocks <= kMaxGridX,
                "images must need fewer than 2^31 blocks, got ", blocks);
  if (blocks == 0) {
    return;
  }
  on.zero(params.sums, static_cast<int64_t>(params.image_count) * params.channels);
  augment::launch_channel_sums(params, call.source_is_float, on.stream);
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace
}  // namespace warpmix::cuda

STABLE_TORCH_LIBRARY_IMPL(warpmix, CUDA, library) {
  using namespace warpmix;
  library.impl("channel_sums", boxed<check_channel_sums, cuda::channel_sums>());
}
