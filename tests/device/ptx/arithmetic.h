// PTX's arithmetic where it is not C++'s.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace ptx {

// Integers wrap.
template <typename T>
T wrapped(auto value) {
  return static_cast<T>(value);
}

template <typename T>
using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;

template <typename T>
T least(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {  // of a number and NaN the number, -0 below 0
    if (std::isnan(a) || std::isnan(b)) {
      return std::isnan(a) ? b : a;
    }
    return a == b ? (std::signbit(a) ? a : b) : a < b ? a : b;
  } else {
    return a < b ? a : b;
  }
}

template <typename T>
T greatest(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) {
      return std::isnan(a) ? b : a;
    }
    return a == b ? (std::signbit(a) ? b : a) : a > b ? a : b;
  } else {
    return a > b ? a : b;
  }
}

// By as many bits as there are, and more, nothing is left but the sign.
template <typename T>
T shifted_left(T a, uint32_t n) {
  return n >= 8 * sizeof(T) ? T{0} : static_cast<T>(static_cast<uint64_t>(a) << n);
}

template <typename T>
T shifted_right(T a, uint32_t n) {
  return n >= 8 * sizeof(T) ? static_cast<T>(a < 0 ? -1 : 0) : static_cast<T>(a >> n);
}

// shf: the upper 32 bits of b:a shifted left, the lower of it shifted right.
inline uint32_t funnel_left(uint32_t a, uint32_t b, uint32_t n) {
  return static_cast<uint32_t>((uint64_t{b} << 32 | a) << n >> 32);
}

inline uint32_t funnel_right(uint32_t a, uint32_t b, uint32_t n) {
  return static_cast<uint32_t>((uint64_t{b} << 32 | a) >> n);
}

// To an integer: NaN is 0, what is too large the largest.
template <typename T, typename F>
T to_integer(F value) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(value)) {
    return 0;
  }
  if (value <= static_cast<F>(Limits::min())) {
    return Limits::min();
  }
  return value >= static_cast<F>(Limits::max()) ? Limits::max() : static_cast<T>(value);
}

// To nearest, ties to even, in bits of the type; written apart from kernels/float16.h.
inline uint16_t to_bfloat16(float value) {
  if (std::isnan(value)) {
    return 0x7FFF;
  }
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rest = bits & 0xFFFF;
  const uint32_t upper = bits >> 16;
  const bool up = rest > 0x8000 || (rest == 0x8000 && (upper & 1));
  return static_cast<uint16_t>(upper + up);
}

inline uint16_t to_float16(float value) {
  return std::bit_cast<uint16_t>(static_cast<_Float16>(value));
}

inline uint32_t reversed(uint32_t a) {
  uint32_t result = 0;
  for (int i = 0; i < 32; ++i) {
    result |= (a >> i & 1u) << (31 - i);
  }
  return result;
}

inline uint32_t leading_zeros(uint64_t a, int bits) {
  return a == 0 ? bits : std::countl_zero(a) - (64 - bits);
}

// prmt: each result byte is one of eight, or its sign.
inline uint32_t permuted(uint32_t a, uint32_t b, uint32_t selector) {
  const uint64_t bytes = uint64_t{b} << 32 | a;
  uint32_t result = 0;
  for (int i = 0; i < 4; ++i) {
    const uint32_t which = selector >> 4 * i & 15u;
    uint32_t byte = bytes >> 8 * (which & 7u) & 255u;
    if (which & 8u) {
      byte = byte & 128u ? 255u : 0u;
    }
    result |= byte << 8 * i;
  }
  return result;
}

// bfi: the low bits of a at their place in b.
template <typename T>
T inserted(T a, T b, uint32_t place, uint32_t count) {
  const uint32_t bits = 8 * sizeof(T);
  place &= 255u;
  count &= 255u;
  T result = b;
  for (uint32_t i = 0; i < count && place + i < bits; ++i) {
    const T bit = T{1} << (place + i);
    result = a >> i & 1u ? result | bit : result & ~bit;
  }
  return result;
}

// bfe: bits of a from `place`, with the last one's sign above them where T is signed.
template <typename T>
T extracted(T a, uint32_t place, uint32_t count) {
  const uint32_t bits = 8 * sizeof(T);
  place &= 255u;
  count &= 255u;
  const auto bit = [&](uint32_t i) { return i < bits && (static_cast<uint64_t>(a) >> i & 1u); };
  const uint32_t last = place + count - 1 < bits ? place + count - 1 : bits - 1;
  const bool sign = std::is_signed_v<T> && count > 0 && bit(last);
  uint64_t result = 0;
  for (uint32_t i = 0; i < bits; ++i) {
    const bool one = i < count && place + i < bits ? bit(place + i) : sign;
    result |= uint64_t{one} << i;
  }
  return static_cast<T>(result);
}

inline uint32_t looked_up(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
  uint32_t result = 0;
  for (uint32_t k = 0; k < 8; ++k) {
    if (table >> k & 1u) {
      result |= (k & 4u ? a : ~a) & (k & 2u ? b : ~b) & (k & 1u ? c : ~c);
    }
  }
  return result;
}

}  // namespace ptx
