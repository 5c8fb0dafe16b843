// draw on CUDA: checks → guard → empty return → launch → launch check.
#include "../augment.h"
#include "../boxed.h"
#include "augment/gpu/launch.h"
#include "launch.h"

namespace warpmix::cuda {
namespace {

void draw(const DrawCall& call) {
  const OnDevice on(call.images);
  if (call.params.batch_size == 0 || call.params.program.count == 0) {
    return;
  }
  augment::launch_draw(call.params, call.draws, on.stream);
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace
}  // namespace warpmix::cuda

STABLE_TORCH_LIBRARY_IMPL(warpmix, CUDA, library) {
  using namespace warpmix;
  library.impl("draw", boxed<check_draw, cuda::draw>());
}
