// Choices that both compilers turn into vector instructions.
#pragma once

#include "../host_device.h"

namespace warpmix::ensemble {

// condition ? a : b. The host's form is arithmetic on the bits, because GCC turns the plain one,
// where b is what the result replaces, into masked stores, which cost many times a plain one.
HOST_DEVICE float choose(bool condition, float a, float b) {
#if defined(__CUDA_ARCH__)
  return condition ? a : b;
#else
  const uint32_t mask = 0u - static_cast<uint32_t>(condition);
  return float_from_bits((bits_from_float(a) & mask) | (bits_from_float(b) & ~mask));
#endif
}

HOST_DEVICE double choose(bool condition, double a, double b) {
#if defined(__CUDA_ARCH__)
  return condition ? a : b;
#else
  const uint64_t mask = 0u - static_cast<uint64_t>(condition);
  return double_from_bits((bits_from_double(a) & mask) | (bits_from_double(b) & ~mask));
#endif
}

// Whether a class with `total` beats another one or ties with it and is lower.
template <typename Class>
HOST_DEVICE int64_t beats(double total, double other_total, Class c, Class other) {
  const int64_t more = total > other_total;
  const int64_t as_many = total == other_total;
  const int64_t lower = c < other;
  return more | (as_many & lower);
}

}  // namespace warpmix::ensemble
