// Tiles of samples, which the CPU backend works on in vectors: a lane a sample.
#pragma once

#include "float16.h"

namespace warpmix::cpu {

// Samples of a tile: with 10 classes its sums, votes and scores are 12 KiB of the first-level
// cache.
constexpr int kTile = 64;

// Rows of samples to lanes: [kTile, classes] to [classes, kTile]. Samples outside, because the
// other way round the compiler gathers, which takes twice the time (Zen 3).
template <typename Score>
HOST_DEVICE void load_tile(const Score* row, int32_t classes, int used, float* score) {
  for (int t = 0; t < kTile; ++t) {
    const Score* own = row + static_cast<int64_t>(t < used ? t : used - 1) * classes;
    float* lane = score + t;
#pragma GCC unroll 10
    for (int32_t c = 0; c < classes; ++c) {
      lane[c * kTile] = widen(own[c]);
    }
  }
}

}  // namespace warpmix::cpu
