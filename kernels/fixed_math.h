// Elementary functions with one order of operations everywhere: the same bits from g++, nvcc and
// the PyTorch twin (python/warpmix/_fixed_math.py). The polynomials are those of Cephes
// (Moshier); float32, at most 2 ulp off over the stated ranges. Build with contraction off.
#pragma once

#include <cmath>

#include "host_device.h"

namespace warpmix {

// Natural logarithm for normal, positive x.
HOST_DEVICE float fixed_log(float x) {
  const uint32_t bits = bits_from_float(x);
  float exponent = static_cast<float>(static_cast<int32_t>(bits >> 23) - 126);
  float m = float_from_bits((bits & 0x007FFFFFu) | 0x3F000000u);  // in [0.5, 1)
  const bool low = m < 0.707106781186547524f;
  exponent = low ? exponent - 1.0f : exponent;
  m = low ? m + m - 1.0f : m - 1.0f;
  const float z = m * m;
  float y = 7.0376836292e-2f;
  y = y * m + -1.1514610310e-1f;
  y = y * m + 1.1676998740e-1f;
  y = y * m + -1.2420140846e-1f;
  y = y * m + 1.4249322787e-1f;
  y = y * m + -1.6668057665e-1f;
  y = y * m + 2.0000714765e-1f;
  y = y * m + -2.4999993993e-1f;
  y = y * m + 3.3333331174e-1f;
  y = y * m * z;
  y = y + exponent * -2.12194440e-4f;
  y = y - 0.5f * z;
  return (m + y) + exponent * 0.693359375f;
}

// e^x of x from -87 to 88: always normal and finite.
HOST_DEVICE float fixed_exp_within(float x) {
  const float n = floorf(x * 1.44269504088896341f + 0.5f);
  x = x - n * 0.693359375f;
  x = x - n * -2.12194440e-4f;
  const float z = x * x;
  float y = 1.9875691500e-4f;
  y = y * x + 1.3981999507e-3f;
  y = y * x + 8.3334519073e-3f;
  y = y * x + 4.1665795894e-2f;
  y = y * x + 1.6666665459e-1f;
  y = y * x + 5.0000001201e-1f;
  y = (y * z + x) + 1.0f;
  // y · 2^n by adding n to its exponent: n comes into the low bits with 1.5 · 2^23.
  return float_from_bits(bits_from_float(y) + (bits_from_float(n + 12582912.0f) << 23));
}

// The same of any x, which is clamped to them.
HOST_DEVICE float fixed_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  return fixed_exp_within(x);
}

struct SinCos {
  float sin;
  float cos;
};

// sin(2 pi v) and cos(2 pi v) for |v| < 2^20: reduced to a quarter turn round the nearest multiple,
// exactly.
HOST_DEVICE SinCos fixed_sincos_turns(float v) {
  const float quarters = v * 4.0f;
  const float nearest = floorf(quarters + 0.5f);
  const float x = (quarters - nearest) * 1.57079632679489662f;  // in [-pi/4, pi/4]
  const float z = x * x;
  float c = 2.443315711809948e-5f;
  c = c * z + -1.388731625493765e-3f;
  c = c * z + 4.166664568298827e-2f;
  c = (c * z * z - 0.5f * z) + 1.0f;
  float s = -1.9515295891e-4f;
  s = s * z + 8.3321608736e-3f;
  s = s * z + -1.6666654611e-1f;
  s = s * z * x + x;
  const int32_t quadrant = static_cast<int32_t>(nearest) & 3;
  const bool odd = (quadrant & 1) != 0;
  const float sine = odd ? c : s;
  const float cosine = odd ? s : c;
  return {quadrant >= 2 ? -sine : sine, (quadrant == 1 || quadrant == 2) ? -cosine : cosine};
}

HOST_DEVICE float fixed_sin_turns(float v) { return fixed_sincos_turns(v).sin; }

HOST_DEVICE float fixed_cos_turns(float v) { return fixed_sincos_turns(v).cos; }

}  // namespace warpmix
