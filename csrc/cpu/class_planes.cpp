// class_planes on the CPU: checks → zeros → run.
#include "../boxed.h"
#include "../ensemble.h"
#include "ensemble/cpu/run.h"
#include "parallel.h"

namespace warpmix::cpu {
namespace {

void class_planes(const PlanesCall& call) {
  *call.params.invalid = 0;
  ensemble::run_planes(call.params, parallel_for);
}

}  // namespace
}  // namespace warpmix::cpu

STABLE_TORCH_LIBRARY_IMPL(warpmix, CPU, library) {
  using namespace warpmix;
  library.impl("class_planes", boxed<check_class_planes, cpu::class_planes>());
}
