// bootstrap on CUDA: checks → guard → zeros → empty return → launch → launch check.
#include "../boxed.h"
#include "../ensemble.h"
#include "ensemble/gpu/launch.h"
#include "launch.h"

namespace warpmix::cuda {
namespace {

void bootstrap(const BootstrapCall& call) {
  const OnDevice on(call.right);
  const int64_t counts = static_cast<int64_t>(call.params.replicates) * call.params.rules;
  on.zero(call.params.counts, counts);
  if (call.params.samples == 0 || counts == 0) {
    return;
  }
  ensemble::launch_bootstrap(call.params, on.stream);
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace
}  // namespace warpmix::cuda

STABLE_TORCH_LIBRARY_IMPL(warpmix, CUDA, library) {
  using namespace warpmix;
  library.impl("bootstrap", boxed<check_bootstrap, cuda::bootstrap>());
}
