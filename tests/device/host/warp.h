// What the threads of a block and of a warp do together. Where a function must be called by
// several, its default argument is the line of the call, which must be the same for all.
#pragma once

#include <cstring>
#include <type_traits>

#include "runtime.h"

inline void __syncthreads(host_cuda::Site site = host_cuda::Site::here()) {
  host_cuda::block_barrier(site);
}

inline void __syncwarp(unsigned mask = ~0u, host_cuda::Site site = host_cuda::Site::here()) {
  host_cuda::gather("__syncwarp", mask, 0, true, site);
}

inline unsigned __activemask(host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::active_lanes(site);
}

[[noreturn]] inline void __trap() { host_cuda::trap(); }

namespace host_cuda {

template <typename T>
uint64_t to_bits(T value) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <typename T>
T from_bits(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <typename T>
T from_lane(const Handed& handed, unsigned mask, unsigned source, Site site) {
  if ((mask >> source & 1) == 0) {
    stop("a shuffle reads a lane that the mask leaves out", site);
  }
  return from_bits<T>(handed.value[source]);
}

// The source lane of each kind of shuffle, within the caller's part of `width` lanes.
template <typename T, typename Source>
T shuffle(const char* name, unsigned mask, T value, int width, Site site, const Source& source) {
  if (width != 32 && width != 16 && width != 8 && width != 4 && width != 2 && width != 1) {
    stop("a shuffle's width must be a power of two up to 32", site);
  }
  const Handed handed = gather(name, mask, to_bits(value), false, site);
  const int own = static_cast<int>(lane());
  const int first = own / width * width;
  const int wanted = source(own, first);
  return wanted < first || wanted >= first + width
             ? value
             : from_lane<T>(handed, mask, static_cast<unsigned>(wanted), site);
}

// All values that the lanes of `mask` have handed in, one after the other.
template <typename T, typename Function>
T reduce(const char* name, unsigned mask, T value, Site site, const Function& function) {
  const Handed handed = gather(name, mask, to_bits(value), false, site);
  bool is_first = true;
  T result = {};
  for (unsigned i = 0; i < 32; ++i) {
    if (mask >> i & 1) {
      const T other = from_bits<T>(handed.value[i]);
      result = is_first ? other : function(result, other);
      is_first = false;
    }
  }
  return result;
}

template <typename Function>
unsigned lanes_where(const char* name, unsigned mask, uint64_t value, Site site,
                     const Function& function) {
  const Handed handed = gather(name, mask, value, false, site);
  unsigned lanes = 0;
  for (unsigned i = 0; i < 32; ++i) {
    lanes |= (mask >> i & 1) && function(handed.value[i]) ? 1u << i : 0u;
  }
  return lanes;
}

}  // namespace host_cuda

// ---- shuffles -----------------------------------------------------------------------------------

template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::shuffle("__shfl_sync", mask, value, width, site,
                            [&](int, int first) { return first + (source & (width - 1)); });
}

template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32,
                 host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::shuffle("__shfl_up_sync", mask, value, width, site,
                            [&](int own, int) { return own - static_cast<int>(distance); });
}

template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32,
                   host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::shuffle("__shfl_down_sync", mask, value, width, site,
                            [&](int own, int) { return own + static_cast<int>(distance); });
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32,
                  host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::shuffle("__shfl_xor_sync", mask, value, width, site,
                            [&](int own, int) { return own ^ bits; });
}

// ---- votes and reductions -----------------------------------------------------------------------

inline unsigned __ballot_sync(unsigned mask, int flag,
                              host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::lanes_where("__ballot_sync", mask, flag != 0, site,
                                [](uint64_t each) { return each != 0; });
}

inline int __any_sync(unsigned mask, int flag, host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::lanes_where("__any_sync", mask, flag != 0, site,
                                [](uint64_t each) { return each != 0; }) != 0;
}

inline int __all_sync(unsigned mask, int flag, host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::lanes_where("__all_sync", mask, flag != 0, site,
                                [](uint64_t each) { return each != 0; }) == mask;
}

template <typename T>
unsigned __match_any_sync(unsigned mask, T value, host_cuda::Site site = host_cuda::Site::here()) {
  const uint64_t own = host_cuda::to_bits(value);
  return host_cuda::lanes_where("__match_any_sync", mask, own, site,
                                [&](uint64_t each) { return each == own; });
}

inline unsigned __reduce_add_sync(unsigned mask, unsigned value,
                                  host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::reduce("__reduce_add_sync", mask, value, site,
                           [](unsigned a, unsigned b) { return a + b; });
}

inline int __reduce_add_sync(unsigned mask, int value,
                             host_cuda::Site site = host_cuda::Site::here()) {
  return static_cast<int>(__reduce_add_sync(mask, static_cast<unsigned>(value), site));
}

template <typename T>
T __reduce_min_sync(unsigned mask, T value, host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::reduce("__reduce_min_sync", mask, value, site,
                           [](T a, T b) { return b < a ? b : a; });
}

template <typename T>
T __reduce_max_sync(unsigned mask, T value, host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::reduce("__reduce_max_sync", mask, value, site,
                           [](T a, T b) { return a < b ? b : a; });
}

inline unsigned __reduce_or_sync(unsigned mask, unsigned value,
                                 host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::reduce("__reduce_or_sync", mask, value, site,
                           [](unsigned a, unsigned b) { return a | b; });
}

inline unsigned __reduce_and_sync(unsigned mask, unsigned value,
                                  host_cuda::Site site = host_cuda::Site::here()) {
  return host_cuda::reduce("__reduce_and_sync", mask, value, site,
                           [](unsigned a, unsigned b) { return a & b; });
}
