// The GPU's launches of votes and curves: kernels round the host-device functions of vote.h and
// vote_tile.h.
#include "launch.h"
#include "vote.h"
#include "vote_tile.h"

namespace warpmix::ensemble {
namespace {

// 5 blocks of a tile leave 64 registers a thread, 4 leave 80.
template <int kClasses>
constexpr int kTilesPerSm = kClasses > 0 ? 5 : 4;

template <typename Score, int kClasses>
__global__ void __launch_bounds__(kTileThreads, kTilesPerSm<kClasses>)
    tile_kernel(const __grid_constant__ VoteParams params) {
  __shared__ TileShared shared;
  TileThread<Score, kClasses> thread(params, shared, blockIdx.x, static_cast<int32_t>(threadIdx.x));
  for (int32_t step = 0; step < tile_steps(params); ++step) {
    thread.place(step);
    __syncwarp();
    thread.work(step);
    __syncthreads();
  }
  thread.finish();
  __syncwarp();
  thread.write();
}

template <typename Score>
__global__ void __launch_bounds__(kVoteThreads, 1)
    vote_kernel(const __grid_constant__ VoteParams params) {
  vote_body<Score>(params, blockIdx.x, static_cast<int32_t>(threadIdx.x));
}

}  // namespace

void launch_vote(const VoteParams& params, cudaStream_t stream) {
  with_score_type(params.type, [&](auto score) {
    using Score = decltype(score);
    if (params.classes <= kRegisterClasses) {
      const unsigned tiles = static_cast<unsigned>(sample_tiles(params.samples));
      const auto kernel = params.classes == 10 ? tile_kernel<Score, 10> : tile_kernel<Score, 0>;
      kernel<<<tiles, kTileThreads, 0, stream>>>(params);
    } else {
      const unsigned blocks = static_cast<unsigned>(vote_blocks(params));
      vote_kernel<Score><<<blocks, kVoteThreads, 0, stream>>>(params);
    }
  });
}

}  // namespace warpmix::ensemble
