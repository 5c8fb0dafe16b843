// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC'11).
// Counter-based: the words depend on key and counter alone, never on who asks or in which order.
#pragma once

#include "host_device.h"

namespace warpmix {

struct Philox4 {
  uint32_t word[4];
};

constexpr int kPhiloxRounds = 10;

// Of a round.
struct PhiloxKey {
  uint32_t low, high;

  HOST_DEVICE explicit PhiloxKey(uint64_t key)
      : low(static_cast<uint32_t>(key)), high(static_cast<uint32_t>(key >> 32)) {}

  HOST_DEVICE void next() {
    low += 0x9E3779B9u;
    high += 0xBB67AE85u;
  }
};

HOST_DEVICE Philox4 philox_round(Philox4 counter, PhiloxKey key) {
  const uint64_t product0 = static_cast<uint64_t>(0xD2511F53u) * counter.word[0];
  const uint64_t product1 = static_cast<uint64_t>(0xCD9E8D57u) * counter.word[2];
  return {{static_cast<uint32_t>(product1 >> 32) ^ counter.word[1] ^ key.low,
           static_cast<uint32_t>(product1),
           static_cast<uint32_t>(product0 >> 32) ^ counter.word[3] ^ key.high,
           static_cast<uint32_t>(product0)}};
}

HOST_DEVICE Philox4 philox(Philox4 counter, uint64_t key) {
  PhiloxKey of_round(key);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    counter = philox_round(counter, of_round);
    of_round.next();
  }
  return counter;
}

// Uniform on {0, 2^-24, …, 1 - 2^-24}: 24 bits, so that the product is exact in float32.
HOST_DEVICE float uniform_closed_open(uint32_t word) {
  return static_cast<float>(word >> 8) * 5.9604644775390625e-8f;
}

// Uniform on {2^-24, …, 1}: never 0, so that its logarithm is finite.
HOST_DEVICE float uniform_open_closed(uint32_t word) {
  return static_cast<float>((word >> 8) + 1) * 5.9604644775390625e-8f;
}

// Uniform on {0, …, n-1} by the high half of a product; each value's probability is off by less
// than 2^-32, which no test of fewer than 10^18 draws sees.
HOST_DEVICE int32_t uniform_below(uint32_t word, int32_t n) {
  return static_cast<int32_t>((static_cast<uint64_t>(word) * static_cast<uint32_t>(n)) >> 32);
}

}  // namespace warpmix
