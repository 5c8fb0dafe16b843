// Counting from many threads: integers, so that no order of counting changes the result.
#pragma once

#include "../host_device.h"

namespace warpmix::ensemble {

HOST_DEVICE void add_to(int64_t* counter, int64_t amount) {
#if defined(__CUDA_ARCH__)
  atomicAdd(reinterpret_cast<unsigned long long*>(counter),
            static_cast<unsigned long long>(amount));
#else
  *counter += amount;
#endif
}

// Adds every active thread's amount to one counter, in one atomic a whole warp.
HOST_DEVICE void sum_into(int64_t* counter, int64_t amount) {
#if defined(__CUDA_ARCH__)
  if (__activemask() != 0xFFFFFFFFu) {
    add_to(counter, amount);
    return;
  }
  for (int distance = 16; distance > 0; distance /= 2) {
    amount += __shfl_down_sync(0xFFFFFFFFu, amount, distance);
  }
  if (threadIdx.x % 32 == 0) {
    add_to(counter, amount);
  }
#else
  add_to(counter, amount);
#endif
}

// Adds a flag of every active thread of the warp to one counter, in one atomic a warp.
HOST_DEVICE void count_into(int64_t* counter, bool flag) {
#if defined(__CUDA_ARCH__)
  const unsigned active = __activemask();
  const unsigned flags = __ballot_sync(active, flag);
  const unsigned first = __ffs(active) - 1;
  if (threadIdx.x % 32 == first && flags != 0) {
    add_to(counter, __popc(flags));
  }
#else
  *counter += flag;
#endif
}

// The same where every thread of the warp is here.
HOST_DEVICE void count_warp_into(int64_t* counter, bool flag) {
#if defined(__CUDA_ARCH__)
  const unsigned flags = __ballot_sync(0xFFFFFFFFu, flag);
  if (threadIdx.x % 32 == 0 && flags != 0) {
    add_to(counter, __popc(flags));
  }
#else
  *counter += flag;
#endif
}

// Puts a bit for every lane's flag[i] into bits[i], where every thread of the warp is here.
template <int kCount>
HOST_DEVICE void record_flags(uint32_t* bits, const bool (&flag)[kCount], int32_t lane) {
#if defined(__CUDA_ARCH__)
  unsigned flags[kCount];
  UNROLL
  for (int i = 0; i < kCount; ++i) {
    flags[i] = __ballot_sync(0xFFFFFFFFu, flag[i]);
  }
  if (opaque(lane) == 0) {
    UNROLL
    for (int i = 0; i < kCount; ++i) {
      bits[i] = flags[i];
    }
  }
#else
  for (int i = 0; i < kCount; ++i) {
    bits[i] = (bits[i] & ~(1u << lane)) | static_cast<uint32_t>(flag[i]) << lane;
  }
#endif
}

HOST_DEVICE int32_t ones(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __popc(bits);
#else
  return __builtin_popcount(bits);
#endif
}

}  // namespace warpmix::ensemble
