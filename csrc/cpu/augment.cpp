// augment on the CPU: checks → run.
#include "../augment.h"

#include "../boxed.h"
#include "augment/cpu/run.h"
#include "parallel.h"

namespace warpmix::cpu {
namespace {

void augment(const AugmentCall& call) {
  augment::run_augment(call.params, call.source_type, parallel_for);
}

}  // namespace
}  // namespace warpmix::cpu

STABLE_TORCH_LIBRARY_IMPL(warpmix, CPU, library) {
  using namespace warpmix;
  library.impl("augment", boxed<check_augment, cpu::augment>());
}
