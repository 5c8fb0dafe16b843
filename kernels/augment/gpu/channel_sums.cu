// The GPU's launch of channel sums: a kernel round the host-device function of channel_sums.h.
#include "channel_sums.h"
#include "launch.h"

namespace warpmix::augment {
namespace {

template <typename Source, int kChannels>
__global__ void __launch_bounds__(kSumThreads)
    sum_kernel(const __grid_constant__ SumsParams params) {
  sum_body<Source, kChannels>(params, blockIdx.x, static_cast<int32_t>(threadIdx.x));
}

struct Launch {
  const SumsParams& params;
  cudaStream_t stream;

  template <typename Source, int kChannels>
  void run() const {
    const unsigned blocks = static_cast<unsigned>(sum_blocks<Source>(params));
    sum_kernel<Source, kChannels><<<blocks, kSumThreads, 0, stream>>>(params);
  }
};

}  // namespace

void launch_channel_sums(const SumsParams& params, bool source_is_float, cudaStream_t stream) {
  dispatch_sums(params, source_is_float, Launch{params, stream});
}

}  // namespace warpmix::augment
