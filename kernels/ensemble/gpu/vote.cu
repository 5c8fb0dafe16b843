// The GPU's launch: a kernel round the host-device function of vote.h.
#include "launch.h"
#include "vote.h"

namespace warpmix::ensemble {
namespace {

// 4 · 128 threads leave 128 registers a thread; without the bound ptxas (13.0) spills in one
// kernel.
constexpr int kBlocksPerSm = 4;

template <typename Score, bool kRegisters>
__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    vote_kernel(const __grid_constant__ VoteParams params) {
  vote_body<Score, kRegisters>(params, blockIdx.x, threadIdx.x);
}

struct Launch {
  const VoteParams& params;
  cudaStream_t stream;

  template <typename Score, bool kRegisters>
  void run() const {
    const unsigned blocks = static_cast<unsigned>(ceil_div<int64_t>(params.samples, kThreads));
    vote_kernel<Score, kRegisters><<<blocks, kThreads, 0, stream>>>(params);
  }
};

}  // namespace

void launch_vote(const VoteParams& params, cudaStream_t stream) {
  dispatch(params, Launch{params, stream});
}

}  // namespace warpmix::ensemble
