// Small kernels that show what the host's CUDA does: `probes NAME` runs one. Those of the first
// group end well; each of the others has the fault of its name.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_pipeline.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "backend.h"

#define EXPECT(condition)                                   \
  if (!(condition)) {                                       \
    ::host_cuda::stop("it does not hold that " #condition); \
  }

namespace {

constexpr unsigned kAll = ~0u;

// ---- what must end well -------------------------------------------------------------------------

__global__ void shuffles() {
  const int lane = static_cast<int>(threadIdx.x % 32);
  EXPECT(__shfl_sync(kAll, lane, 5) == 5);
  EXPECT(__shfl_sync(kAll, lane, 1, 8) == lane / 8 * 8 + 1);
  EXPECT(__shfl_down_sync(kAll, int64_t{lane}, 16) == (lane < 16 ? lane + 16 : lane));
  EXPECT(__shfl_up_sync(kAll, lane, 1) == (lane > 0 ? lane - 1 : 0));
  EXPECT(__shfl_xor_sync(kAll, 0.5f + lane, 3) == 0.5f + (lane ^ 3));
  const unsigned half = lane < 16 ? 0xFFFFu : 0xFFFF0000u;  // two groups of one warp
  EXPECT(__reduce_add_sync(half, 1) == 16);
  EXPECT(__reduce_max_sync(kAll, lane) == 31 && __reduce_min_sync(kAll, lane) == 0);
  EXPECT(__reduce_or_sync(kAll, 1u << lane) == kAll);
  EXPECT(__ballot_sync(kAll, lane % 2) == 0xAAAAAAAAu);
  EXPECT(__any_sync(kAll, lane == 3) && !__all_sync(kAll, lane == 3));
  EXPECT(__match_any_sync(kAll, lane / 4) == 0xFu << lane / 4 * 4);
}

__global__ void numbers() {
  EXPECT(__funnelshift_r(0x44332211u, 0x88776655u, 8) == 0x55443322u);
  EXPECT(__funnelshift_l(0x44332211u, 0x88776655u, 8) == 0x77665544u);
  EXPECT(__funnelshift_r(1u, 2u, 32) == 1u && __funnelshift_rc(1u, 2u, 32) == 2u);
  EXPECT(__byte_perm(0x44332211u, 0x88776655u, 0x7520) == 0x88663311u);
  EXPECT(__byte_perm(0x00000080u, 0u, 0x8888) == 0xFFFFFFFFu);
  EXPECT(__dp4a(0x01020304u, 0x05060708u, 9u) == 79u);
  EXPECT(__vsadu4(0x00FF0A05u, 0xFF000000u) == 525u);
  EXPECT(__clz(1) == 31 && __clz(0) == 32 && __brev(1u) == 0x80000000u);
  EXPECT(__umulhi(0xFFFFFFFFu, 2u) == 1u && __mulhi(-1, 2) == -1);
  EXPECT(__float2int_rn(2.5f) == 2 && __float2int_rz(-2.5f) == -2);
  EXPECT(__float2int_rz(3e9f) == INT32_MAX && __float2uint_rz(-1.0f) == 0u);
  EXPECT(__bfloat16_as_ushort(__float2bfloat16_rn(1.00390625f)) == 0x3F80);  // a tie, to even
  EXPECT(__half_as_ushort(__float2half_rn(65520.0f)) == 0x7C00);             // above the largest
}

__global__ void copies(const int* from) {
  __shared__ int row[32];
  __shared__ int other[32];
  row[threadIdx.x] = -1;
  other[threadIdx.x] = -2;
  __pipeline_memcpy_async(&row[threadIdx.x], from + threadIdx.x, 4);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncwarp();
  EXPECT(row[31 - threadIdx.x] == static_cast<int>(31 - threadIdx.x));
  EXPECT(other[threadIdx.x] == -2);
}

__global__ void counting(unsigned* counter) {
  extern __shared__ unsigned counts[];
  counts[threadIdx.x] = blockIdx.x * blockDim.x + threadIdx.x;
  __syncthreads();
  if (threadIdx.x % 32 < 20) {  // whichever lanes are found together, each counts once
    const unsigned together = __activemask();
    if (__ffs(static_cast<int>(together)) - 1 == static_cast<int>(threadIdx.x % 32)) {
      atomicAdd(counter, __popc(together) + 0 * counts[blockDim.x - 1 - threadIdx.x]);
    }
  }
}

__global__ void partners(bool orders) {
  __shared__ int value[64];
  value[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (orders) {
    __syncwarp();
  } else {
    __shfl_sync(kAll, 0, 0);  // hands values over, and orders no memory
  }
  EXPECT(value[threadIdx.x ^ 1] == static_cast<int>(threadIdx.x ^ 1));
}

// ---- what must be reported ----------------------------------------------------------------------

__global__ void divergent_barrier() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void deadlock() {
  if (threadIdx.x % 32 < 16) {
    __shfl_sync(kAll, 1, 0);
  } else {
    __syncthreads();
  }
}

__global__ void lane_left_out() { __ballot_sync(0xFFFFu, 1); }

__global__ void lane_ended() {
  if (threadIdx.x != 3) {
    __syncwarp();
  }
}

__global__ void beyond_shared_memory() {
  __shared__ int value[32];
  value[threadIdx.x + 1] = 0;
}

__global__ void misaligned(uint4* at) {
  *reinterpret_cast<uint4*>(reinterpret_cast<char*>(at) + 4) = make_uint4(1, 2, 3, 4);
}

__global__ void stops() {
  if (threadIdx.x == 7) {
    __trap();
  }
  __syncthreads();
}

void count_blocks() {
  unsigned counter = 0;
  counting<<<dim3(5), 64, 64 * sizeof(unsigned)>>>(&counter);
  if (counter != 5 * 2 * 20) {
    std::printf("counted %u\n", counter);
    std::exit(1);
  }
}

void copy_row() {
  std::vector<int> from(32);
  for (int i = 0; i < 32; ++i) {
    from[i] = i;
  }
  copies<<<1, 32>>>(from.data());
}

void store_misaligned() {
  uint4 row[2];
  misaligned<<<1, 1>>>(row);
}

const std::map<std::string, void (*)()> kProbes = {
    {"shuffles", [] { shuffles<<<2, 64>>>(); }},
    {"numbers", [] { numbers<<<1, 1>>>(); }},
    {"copies", copy_row},
    {"counting", count_blocks},
    {"ordered partners", [] { partners<<<3, 64>>>(true); }},
    {"partners without a barrier", [] { partners<<<3, 64>>>(false); }},
    {"divergent barrier", [] { divergent_barrier<<<1, 64>>>(); }},
    {"deadlock", [] { deadlock<<<1, 64>>>(); }},
    {"lane left out", [] { lane_left_out<<<1, 32>>>(); }},
    {"lane ended", [] { lane_ended<<<1, 32>>>(); }},
    {"beyond shared memory", [] { beyond_shared_memory<<<1, 32>>>(); }},
    {"misaligned", store_misaligned},
    {"stops", [] { stops<<<1, 64>>>(); }},
    {"no such block", [] { numbers<<<1, 2048>>>(); }},
};

}  // namespace

int main(int, char** words) {
  device_backend()->vary(std::stoi(words[2]));
  try {
    kProbes.at(words[1])();
  } catch (const host_cuda::Trapped& trapped) {
    std::printf("%s\n", trapped.what());
  }
}
