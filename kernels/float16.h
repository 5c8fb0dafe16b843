// Half and bfloat16 storage: widening, which is exact, as that of bytes is. (Narrowing:
// augment/output.h.)
#pragma once

#include "host_device.h"

namespace warpmix {

struct Half {
  uint16_t bits;
};

struct BFloat16 {
  uint16_t bits;
};

HOST_DEVICE float widen(float value) { return value; }
HOST_DEVICE float widen(uint8_t value) { return static_cast<float>(value); }

HOST_DEVICE float widen(BFloat16 value) {
  return float_from_bits(static_cast<uint32_t>(value.bits) << 16);
}

// Normal numbers move their exponent by an exact product; subnormals are exact differences
// (Maratyszcza's FP16 library).
HOST_DEVICE float widen(Half value) {
  const uint32_t shifted = static_cast<uint32_t>(value.bits) << 16;
  const uint32_t sign = shifted & 0x80000000u;
  const uint32_t doubled = shifted + shifted;
  const float normal = float_from_bits((doubled >> 4) + 0x70000000u) * 0x1.0p-112f;
  const float subnormal = float_from_bits((doubled >> 17) | 0x3F000000u) - 0.5f;
  const uint32_t magnitude = bits_from_float(doubled < 0x08000000u ? subnormal : normal);
  return float_from_bits(sign | magnitude);
}

// The bits of a score, and back.
HOST_DEVICE uint32_t bits_of(float value) { return bits_from_float(value); }
HOST_DEVICE uint32_t bits_of(Half value) { return value.bits; }
HOST_DEVICE uint32_t bits_of(BFloat16 value) { return value.bits; }

template <typename Score>
HOST_DEVICE Score from_bits(uint32_t bits) {
  if constexpr (sizeof(Score) == sizeof(float)) {
    return float_from_bits(bits);
  } else {
    return {static_cast<uint16_t>(bits)};
  }
}

}  // namespace warpmix
