// The natural logarithm in float64 with one order of operations everywhere, as ../fixed_math.h's is
// in float32: log-loss sums must not depend on the machine.
#pragma once

#include "../host_device.h"

namespace warpmix::ensemble {

// log(x) of a normal, positive x: log(m) = 2 artanh((m - 1) / (m + 1)) for m in [√½, √2), whose
// series ends below 1e-14; the exponent's share is exact to 1e-13.
HOST_DEVICE double fixed_log64(double x) {
  const uint64_t bits = bits_from_double(x);
  double m = double_from_bits((bits & 0x000FFFFFFFFFFFFFu) | 0x3FF0000000000000u);  // in [1, 2)
  // An integer below 2^52 as a double without a conversion, which AVX2 has not: 2^52 + e, less
  // 2^52.
  double e = double_from_bits((bits >> 52) | 0x4330000000000000u) - 4503599627370496.0;
  const bool high = m > 1.41421356237309515;
  m = m * (high ? 0.5 : 1.0);
  e = e + (high ? -1022.0 : -1023.0);
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  double y = 1.0 / 17.0;
  y = y * z + 1.0 / 15.0;
  y = y * z + 1.0 / 13.0;
  y = y * z + 1.0 / 11.0;
  y = y * z + 1.0 / 9.0;
  y = y * z + 1.0 / 7.0;
  y = y * z + 1.0 / 5.0;
  y = y * z + 1.0 / 3.0;
  y = y * z + 1.0;
  return 2.0 * s * y + e * 0.693147180559945286;
}

}  // namespace warpmix::ensemble
