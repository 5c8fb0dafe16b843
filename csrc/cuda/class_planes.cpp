// class_planes on CUDA: checks → guard → zeros → empty return → launch → launch check.
#include "../boxed.h"
#include "../ensemble.h"
#include "ensemble/gpu/launch.h"
#include "launch.h"

namespace warpmix::cuda {
namespace {

void class_planes(const PlanesCall& call) {
  const OnDevice on(call.predictions);
  on.zero(call.params.invalid, 1);
  if (call.params.samples == 0 || call.params.models == 0) {
    return;
  }
  ensemble::launch_planes(call.params, on.stream);
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace
}  // namespace warpmix::cuda

STABLE_TORCH_LIBRARY_IMPL(warpmix, CUDA, library) {
  using namespace warpmix;
  library.impl("class_planes", boxed<check_class_planes, cuda::class_planes>());
}
