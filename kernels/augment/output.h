// The last arithmetic on a pixel: normalise, and rounding to the output's type.
#pragma once

#include <type_traits>

#include "../float16.h"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

namespace warpmix::augment {

template <typename T>
HOST_DEVICE T normalise(T value, T scale, T bias) {
  return value * scale + bias;
}

// ---- rounding to the output's type, to nearest even ---------------------------------------------

template <typename T>
HOST_DEVICE T rounded(float value);

template <>
HOST_DEVICE float rounded<float>(float value) {
  return value;
}

template <>
HOST_DEVICE uint8_t rounded<uint8_t>(float value) {
  return static_cast<uint8_t>(static_cast<int32_t>(rintf(value)));
}

template <>
HOST_DEVICE BFloat16 rounded<BFloat16>(float value) {
#if defined(__CUDA_ARCH__)
  return {__bfloat16_as_ushort(__float2bfloat16_rn(value))};
#else
  const uint32_t bits = bits_from_float(value);
  return {static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16)};
#endif
}

// Host: the exponent-shifting conversion of Maratyszcza's FP16 library, which has no branch and so
// vectorises. Device: the instruction. Both round to nearest even and overflow to infinity.
template <>
HOST_DEVICE Half rounded<Half>(float value) {
#if defined(__CUDA_ARCH__)
  return {__half_as_ushort(__float2half_rn(value))};
#else
  const float scaled = (fabsf(value) * 0x1.0p+112f) * 0x1.0p-110f;
  const uint32_t bits = bits_from_float(value);
  const uint32_t doubled = bits + bits;
  const uint32_t sign = bits & 0x80000000u;
  const uint32_t bias = max_of(doubled & 0xFF000000u, 0x71000000u);
  const uint32_t sum = bits_from_float(float_from_bits((bias >> 1) + 0x07800000u) + scaled);
  const uint32_t magnitude = ((sum >> 13) & 0x00007C00u) + (sum & 0x00000FFFu);
  return {static_cast<uint16_t>((sign >> 16) | (doubled > 0xFF000000u ? 0x7E00u : magnitude))};
#endif
}

// As many values as fill 32 bits, rounded, the first in the lowest bits. The device converts two
// values in one instruction; to the same bits.
template <typename T>
HOST_DEVICE uint32_t packed(const float* value) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, BFloat16>) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(value[0], value[1]);
    uint32_t word;
    memcpy(&word, &pair, sizeof word);
    return word;
  } else if constexpr (std::is_same_v<T, Half>) {
    const __half2 pair = __floats2half2_rn(value[0], value[1]);
    uint32_t word;
    memcpy(&word, &pair, sizeof word);
    return word;
  }
#endif
  constexpr int kValues = 4 / sizeof(T);
  T rounded_values[kValues];
  UNROLL
  for (int i = 0; i < kValues; ++i) {
    rounded_values[i] = rounded<T>(value[i]);
  }
  uint32_t word;
  memcpy(&word, rounded_values, sizeof word);
  return word;
}

}  // namespace warpmix::augment
