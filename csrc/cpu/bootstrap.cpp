// bootstrap on the CPU: checks → zeros → run.
#include <cstring>

#include "../boxed.h"
#include "../ensemble.h"
#include "ensemble/cpu/run.h"
#include "parallel.h"

namespace warpmix::cpu {
namespace {

void bootstrap(const BootstrapCall& call) {
  const ensemble::BootstrapParams& params = call.params;
  std::memset(params.counts, 0, sizeof(int64_t) * params.replicates * params.rules);
  ensemble::run_bootstrap(params, parallel_for);
}

}  // namespace
}  // namespace warpmix::cpu

STABLE_TORCH_LIBRARY_IMPL(warpmix, CPU, library) {
  using namespace warpmix;
  library.impl("bootstrap", boxed<check_bootstrap, cpu::bootstrap>());
}
