// Values in steps of 2^-16, so that sums of them are exact in int64 whatever the order.
#pragma once

#include "params.h"

namespace warpmix::augment {

HOST_DEVICE int64_t fixed_point(uint8_t value) {
  return static_cast<int64_t>(value) * static_cast<int64_t>(kSumScale);
}

// The product is exact (a power of two); rounding is to nearest even.
HOST_DEVICE int64_t fixed_point(float value) {
  return static_cast<int64_t>(rintf(value * kSumScale));
}

}  // namespace warpmix::augment
