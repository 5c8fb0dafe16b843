// bfloat16, rounded to nearest even: written from the format's definition, not from the package.
#pragma once

#include <cstdint>

#include "numbers.h"

struct __nv_bfloat16 {
  uint16_t bits;
};
struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};

inline __nv_bfloat16 __float2bfloat16_rn(float value) {
  if (value != value) {
    return {0x7FFF};
  }
  const uint32_t bits = __float_as_uint(value);
  const uint32_t cut = bits & 0xFFFF;
  const uint32_t kept = bits >> 16;
  const bool up = cut > 0x8000 || (cut == 0x8000 && (kept & 1) != 0);
  return {static_cast<uint16_t>(kept + up)};
}

inline __nv_bfloat16 __float2bfloat16(float value) { return __float2bfloat16_rn(value); }
inline uint16_t __bfloat16_as_ushort(__nv_bfloat16 value) { return value.bits; }
inline __nv_bfloat16 __ushort_as_bfloat16(uint16_t bits) { return {bits}; }
inline float __bfloat162float(__nv_bfloat16 value) {
  return __uint_as_float(static_cast<uint32_t>(value.bits) << 16);
}
inline __nv_bfloat162 __floats2bfloat162_rn(float low, float high) {
  return {__float2bfloat16_rn(low), __float2bfloat16_rn(high)};
}
