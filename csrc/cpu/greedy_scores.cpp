// greedy_scores on the CPU: checks → run.
#include "../boxed.h"
#include "../ensemble.h"
#include "ensemble/cpu/run.h"
#include "parallel.h"

namespace warpmix::cpu {
namespace {

void greedy_scores(const GreedyCall& call) { ensemble::run_greedy(call.params, parallel_for); }

}  // namespace
}  // namespace warpmix::cpu

STABLE_TORCH_LIBRARY_IMPL(warpmix, CPU, library) {
  using namespace warpmix;
  library.impl("greedy_scores", boxed<check_greedy_scores, cpu::greedy_scores>());
}
