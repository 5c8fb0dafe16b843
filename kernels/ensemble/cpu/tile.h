// Tiles of samples, which the CPU works on in vectors: a lane a sample.
#pragma once

#include "../../float16.h"
#include "../tally.h"

namespace warpmix::ensemble {

// Samples of a tile: with 10 classes its sums, votes and scores are 12 KiB of the first-level
// cache.
constexpr int kTile = 64;

// Rows of samples to lanes: [kTile, classes] to [classes, kTile]. Samples outside, because the
// other way round the compiler gathers, which takes twice the time (Zen 3).
HOST_DEVICE void load_tile(const float* row, int32_t classes, int used, float* score) {
  for (int t = 0; t < kTile; ++t) {
    const float* own = row + static_cast<int64_t>(t < used ? t : used - 1) * classes;
    float* lane = score + t;
#pragma GCC unroll 10
    for (int32_t c = 0; c < classes; ++c) {
      lane[c * kTile] = own[c];
    }
  }
}

// Scores as floats. Halves are widened into `wide` as they lie, because that becomes vectors.
HOST_DEVICE const float* as_floats(const float* scores, int64_t, float*) { return scores; }

template <typename Score>
HOST_DEVICE const float* as_floats(const Score* scores, int64_t elements, float* wide) {
  for (int64_t i = 0; i < elements; ++i) {
    wide[i] = widen(scores[i]);
  }
  return wide;
}

// Asks for the rows of the model that joins after the k-th, which lie far away, where no hardware
// prefetcher looks.
template <typename Score>
HOST_DEVICE void prefetch_next(const VoteParams& params, int32_t k, int64_t first,
                               int64_t elements) {
  if (k + 1 == params.size) {
    return;
  }
  const Score* rows = score_row<Score>(params, joining_model(params, k + 1), first);
  for (size_t line = 0; line < sizeof(Score) * elements; line += 64) {
    __builtin_prefetch(reinterpret_cast<const char*>(rows) + line);
  }
}

}  // namespace warpmix::ensemble
