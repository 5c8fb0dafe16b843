// vote and vote_curve, which are one pass over the predictions, on the CPU: checks → zeros → run.
#include <cstring>

#include "../boxed.h"
#include "../ensemble.h"
#include "ensemble/cpu/run.h"
#include "parallel.h"

namespace warpmix::cpu {
namespace {

void vote(const VoteCall& call) {
  const ensemble::VoteParams& params = call.params;
  *params.invalid = 0;
  if (params.soft_correct) {
    std::memset(params.soft_correct, 0, sizeof(int64_t) * params.size);
    std::memset(params.hard_correct, 0, sizeof(int64_t) * params.size);
  }
  ensemble::run_vote(params, parallel_for);
}

}  // namespace
}  // namespace warpmix::cpu

STABLE_TORCH_LIBRARY_IMPL(warpmix, CPU, library) {
  using namespace warpmix;
  library.impl("vote", boxed<check_vote, cpu::vote>());
  library.impl("vote_curve", boxed<check_vote_curve, cpu::vote>());
}
