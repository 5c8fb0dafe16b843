// One output pixel: where it comes from, and the arithmetic on its value.
#pragma once

#include <type_traits>

#include "../fixed_math.h"
#include "../float16.h"
#include "resolve.h"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

namespace warpmix::augment {

constexpr int32_t kOutside = -1;  // a constant border's pixel: it has no source

// ---- geometry -----------------------------------------------------------------------------------

HOST_DEVICE int32_t shifted_source(int32_t x, int32_t shift, int32_t size, Border border) {
  x -= shift;
  switch (border) {
    case Border::kWrap:
      x = x < 0 ? x + size : x;
      return x >= size ? x - size : x;
    case Border::kReflect:  // without repeating the edge, as in NumPy's and torch's "reflect"
      x = x < 0 ? -x : x;
      return x >= size ? 2 * (size - 1) - x : x;
    case Border::kReplicate:
      return min_of(max_of(x, 0), size - 1);
    case Border::kConstant:
      return x >= 0 && x < size ? x : kOutside;
  }
  return kOutside;
}

// Where one applied stage takes column (axis 0) or row (axis 1) x of its output from.
HOST_DEVICE int32_t stage_source(const Stage& stage, int32_t shift, int32_t axis, int32_t x,
                                 int32_t size) {
  if (x == kOutside) {
    return x;
  }
  if (stage.kind == Kind::kShift) {
    return shifted_source(x, shift, size, static_cast<Border>(stage.mode));
  }
  const bool flips = stage.kind == (axis == 0 ? Kind::kHorizontalFlip : Kind::kVerticalFlip);
  return flips ? size - 1 - x : x;
}

// Where the launch takes an output column or row from: the applied stages backwards.
HOST_DEVICE int32_t source_coordinate(const Program& program, const StageDraw* draws, int32_t axis,
                                      int32_t x, int32_t size) {
  for (int32_t i = program.geometry_end - 1; i >= 0; --i) {
    if (draws[i].on) {
      x = stage_source(program.stages[i], draws[i].box[axis], axis, x, size);
    }
  }
  return x;
}

HOST_DEVICE bool inside(int32_t x, int32_t begin, int32_t end) { return x >= begin && x < end; }

// ---- arithmetic, in float32 on [0,255] ----------------------------------------------------------

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

HOST_DEVICE float contrast(float value, float factor, float offset) {
  return at_most(at_least(value * factor + offset, 0.0f), 255.0f);
}

// Two products and a sum can round past 255 by an ulp; the clip keeps every stage's range.
HOST_DEVICE float blend(float own, float partner, float lam) {
  return at_most(own * lam + partner * (1.0f - lam), 255.0f);
}

HOST_DEVICE float normalise(float value, float scale, float bias) { return value * scale + bias; }

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
