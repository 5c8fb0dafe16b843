// float16, rounded to nearest even by the compiler's own type.
#pragma once

#include <cstdint>

#include "numbers.h"

struct __half {
  uint16_t bits;
};
struct alignas(4) __half2 {
  __half x, y;
};

inline __half __float2half_rn(float value) {
  if (value != value) {
    return {0x7FFF};
  }
  return {host_cuda::same_bits<uint16_t>(static_cast<_Float16>(value))};
}

inline __half __float2half(float value) { return __float2half_rn(value); }
inline uint16_t __half_as_ushort(__half value) { return value.bits; }
inline __half __ushort_as_half(uint16_t bits) { return {bits}; }
inline float __half2float(__half value) {
  return static_cast<float>(host_cuda::same_bits<_Float16>(value.bits));
}
inline __half2 __floats2half2_rn(float low, float high) {
  return {__float2half_rn(low), __float2half_rn(high)};
}
