// greedy_scores on CUDA: checks → guard → zeros → empty return → launch → launch check.
#include "../boxed.h"
#include "../ensemble.h"
#include "ensemble/gpu/launch.h"
#include "launch.h"

namespace warpmix::cuda {
namespace {

void greedy_scores(const GreedyCall& call) {
  const OnDevice on(call.own);
  on.zero(call.params.score, call.params.models);
  if (call.params.samples == 0 || call.params.models == 0) {
    return;
  }
  ensemble::launch_greedy(call.params, on.stream);
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace
}  // namespace warpmix::cuda

STABLE_TORCH_LIBRARY_IMPL(warpmix, CUDA, library) {
  using namespace warpmix;
  library.impl("greedy_scores", boxed<check_greedy_scores, cuda::greedy_scores>());
}
