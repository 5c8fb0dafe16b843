// Function multiversioning: a wheel runs on any x86-64 and still uses AVX2 where the machine has
// it. The loader picks the version once. Functions only: GCC ignores it on templates.
#pragma once

#include "host_device.h"

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__CUDACC__)
// GCC 12 finds variables of its own header uninitialised, which it leaves so on purpose.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
// One body, compiled twice.
#define WARPMIX_SIMD_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
// Thrice, with AVX-512 too: for loops that wait for their arithmetic and not for memory.
#define WARPMIX_SIMD_WIDE_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
// Two or three bodies of one function.
#define WARPMIX_SIMD_V3 __attribute__((target("arch=x86-64-v3")))
#define WARPMIX_SIMD_V4 __attribute__((target("arch=x86-64-v4")))
#define WARPMIX_SIMD_DEFAULT __attribute__((target("default")))
#else
#define WARPMIX_SIMD_CLONES
#define WARPMIX_SIMD_WIDE_CLONES
#define WARPMIX_SIMD_DEFAULT
#endif

#if defined(__GNUC__) && !defined(__CUDACC__)

namespace warpmix {

// For loops that GCC does not make well by itself. Vectors lie anywhere in memory.
typedef uint16_t Shorts __attribute__((vector_size(32), aligned(1), may_alias));
constexpr int32_t kShorts = 16;

HOST_DEVICE Shorts load_shorts(const void* bytes) { return *static_cast<const Shorts*>(bytes); }

// Three channels of a pixel and what lies behind them.
typedef float FourFloats __attribute__((vector_size(16), aligned(4), may_alias));

HOST_DEVICE FourFloats load_four_floats(const float* values) {
  return *reinterpret_cast<const FourFloats*>(values);
}

}  // namespace warpmix

#endif

#if defined(WARPMIX_SIMD_V3)

namespace warpmix {

typedef float Floats __attribute__((vector_size(32), aligned(4), may_alias));
constexpr int32_t kFloats = 8;

HOST_DEVICE Floats at_least(Floats value, float low) {
  const Floats limit = Floats{} + low;
  return value < limit ? limit : value;
}

HOST_DEVICE Floats at_most(Floats value, float high) {
  const Floats limit = Floats{} + high;
  return value > limit ? limit : value;
}

HOST_DEVICE Floats load_floats(const float* values) {
  return *reinterpret_cast<const Floats*>(values);
}

HOST_DEVICE void store_floats(float* out, Floats values) {
  *reinterpret_cast<Floats*>(out) = values;
}

// Past the caches, which `finish_streams` waits for; `out` is a multiple of 32 bytes.
WARPMIX_SIMD_V3 HOST_DEVICE void stream_floats(float* out, Floats values) {
  _mm256_stream_ps(out, values);
}

// In one step; GCC 12 takes two, through 16 bits.
WARPMIX_SIMD_V3 HOST_DEVICE Floats widened(const uint8_t* bytes) {
  const __m128i loaded = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes));
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(loaded));
}

}  // namespace warpmix

#endif

namespace warpmix {

// Orders what this thread has streamed before what it writes next.
inline void finish_streams() {
#if defined(WARPMIX_SIMD_V3)
  _mm_sfence();
#endif
}

}  // namespace warpmix
