// Tiles of samples, which the CPU works on in vectors: a lane a sample.
#pragma once

#include "../../float16.h"

namespace warpmix::ensemble {

// Samples of a tile: with 10 classes its sums, votes and scores are 12 KiB of the first-level
// cache.
constexpr int kTile = 64;

// Rows of samples to lanes: [kTile, classes] to [classes, kTile]. Samples outside, because the
// other way round the compiler gathers, which takes twice the time (Zen 3).
HOST_DEVICE void load_tile(const float* row, int32_t classes, int used, float* score, float*) {
  for (int t = 0; t < kTile; ++t) {
    const float* own = row + static_cast<int64_t>(t < used ? t : used - 1) * classes;
    float* lane = score + t;
#pragma GCC unroll 10
    for (int32_t c = 0; c < classes; ++c) {
      lane[c * kTile] = own[c];
    }
  }
}

// Halves are widened first, as they lie, because that becomes vectors; `wide` has room for a tile.
template <typename Score>
HOST_DEVICE void load_tile(const Score* row, int32_t classes, int used, float* score, float* wide) {
  const int64_t elements = static_cast<int64_t>(used) * classes;
  for (int64_t i = 0; i < elements; ++i) {
    wide[i] = widen(row[i]);
  }
  load_tile(wide, classes, used, score, nullptr);
}

}  // namespace warpmix::ensemble
