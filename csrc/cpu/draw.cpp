// draw on the CPU, and check_draws: checks → run.
#include "../augment.h"
#include "../boxed.h"
#include "augment/cpu/run.h"
#include "parallel.h"

namespace warpmix::cpu {
namespace {

void draw(const DrawCall& call) { augment::run_draw(call.params, call.draws, parallel_for); }

void accept(const DrawsCheck&) {}

}  // namespace
}  // namespace warpmix::cpu

STABLE_TORCH_LIBRARY_IMPL(warpmix, CPU, library) {
  using namespace warpmix;
  library.impl("draw", boxed<check_draw, cpu::draw>());
  library.impl("check_draws", boxed<check_draws, cpu::accept>());
}
