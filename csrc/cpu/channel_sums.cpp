// channel_sums on the CPU: checks → zeros → empty return → run.
#include <cstring>

#include "../augment.h"
#include "../boxed.h"
#include "augment/cpu/run.h"
#include "parallel.h"

namespace warpmix::cpu {
namespace {

void channel_sums(const SumsCall& call) {
  const augment::SumsParams& params = call.params;
  if (params.image_count == 0) {
    return;
  }
  std::memset(params.sums, 0, sizeof(int64_t) * params.image_count * params.channels);
  augment::run_channel_sums(params, call.source_is_float, parallel_for);
}

}  // namespace
}  // namespace warpmix::cpu

STABLE_TORCH_LIBRARY_IMPL(warpmix, CPU, library) {
  using namespace warpmix;
  library.impl("channel_sums", boxed<check_channel_sums, cpu::channel_sums>());
}
