// What every kernel file needs: functions that both compilers read, and bit casts.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define HOST_DEVICE __host__ __device__ __forceinline__
#elif defined(__GNUC__)
// always_inline, so that the row functions' SIMD clones (csrc/cpu) absorb the arithmetic.
#define HOST_DEVICE inline __attribute__((always_inline))
#else
#define HOST_DEVICE inline
#endif

// Asks nvcc to unroll the loop that follows; g++ knows better from the constant trip count.
#if defined(__CUDACC__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL
#endif

namespace warpmix {

// CUDA's limit on gridDim.x (compute capability 3.0 and later).
constexpr int64_t kMaxGridX = 2147483647;

template <typename T>
HOST_DEVICE constexpr T ceil_div(T numerator, T denominator) {
  return (numerator + denominator - 1) / denominator;
}

template <typename T>
HOST_DEVICE constexpr T min_of(T a, T b) {
  return b < a ? b : a;
}

template <typename T>
HOST_DEVICE constexpr T max_of(T a, T b) {
  return a < b ? b : a;
}

// A number whose origin the compiler does not know. By a lane's own condition that stays the same,
// nvcc (13.0) splits a loop in two, each with a ballot of its own, and lanes of one would wait for
// lanes of the other. And nvcc computes again in a loop what it could have kept from before.
HOST_DEVICE int32_t opaque(int32_t value) {
  asm volatile("" : "+r"(value));
  return value;
}

HOST_DEVICE int64_t opaque(int64_t value) {
#if defined(__NVCC__)
  asm volatile("" : "+l"(value));
#else
  asm volatile("" : "+r"(value));
#endif
  return value;
}

// Stops the GPU, as torch's own indexing does, at a number that would have it read somebody else's
// memory: what lies in a GPU's memory is not looked at before a launch, which would wait for it. On
// the host csrc/ has checked it (guards.h).
HOST_DEVICE void require_below([[maybe_unused]] int64_t value, [[maybe_unused]] int64_t limit) {
#if defined(__CUDA_ARCH__)
  if (static_cast<uint64_t>(value) >= static_cast<uint64_t>(limit)) {
    __trap();
  }
#endif
}

// The host's form is the one that x86 compilers turn into minps and maxps; values are never NaN.
HOST_DEVICE float at_least(float value, float low) {
#if defined(__CUDA_ARCH__)
  return fmaxf(value, low);
#else
  return value < low ? low : value;
#endif
}

HOST_DEVICE float at_most(float value, float high) {
#if defined(__CUDA_ARCH__)
  return fminf(value, high);
#else
  return value > high ? high : value;
#endif
}

// std::bit_cast for C++17, and for the device.
template <typename To, typename From>
HOST_DEVICE To bit_cast(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  memcpy(&result, &value, sizeof result);
  return result;
}

HOST_DEVICE float float_from_bits(uint32_t bits) { return bit_cast<float>(bits); }

HOST_DEVICE uint32_t bits_from_float(float value) { return bit_cast<uint32_t>(value); }

HOST_DEVICE double double_from_bits(uint64_t bits) { return bit_cast<double>(bits); }

HOST_DEVICE uint64_t bits_from_double(double value) { return bit_cast<uint64_t>(value); }

// A double's halves, which lie in a register each: shifts would take instructions.
HOST_DEVICE double double_from_words(uint32_t low, uint32_t high) {
#if defined(__CUDA_ARCH__)
  return __hiloint2double(static_cast<int>(high), static_cast<int>(low));
#else
  return double_from_bits(uint64_t{high} << 32 | low);
#endif
}

HOST_DEVICE uint32_t low_word(double value) {
#if defined(__CUDA_ARCH__)
  return static_cast<uint32_t>(__double2loint(value));
#else
  return static_cast<uint32_t>(bits_from_double(value));
#endif
}

HOST_DEVICE uint32_t high_word(double value) {
#if defined(__CUDA_ARCH__)
  return static_cast<uint32_t>(__double2hiint(value));
#else
  return static_cast<uint32_t>(bits_from_double(value) >> 32);
#endif
}

}  // namespace warpmix
