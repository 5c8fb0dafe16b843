// Rows of a model's scores on their way to shared memory, a warp at a time: read in the order of
// their memory, so that lanes next to each other read elements next to each other, and written so
// that each lane finds the row of its own sample.
#pragma once

#include "../scores.h"

namespace warpmix::ensemble {

constexpr int kWarp = 32;  // threads, and samples of a tile

// Scores in shared memory from a sample to the next: so that at most two lanes use a bank.
HOST_DEVICE int32_t row_stride(int32_t classes) { return classes + (classes % 4 == 0); }

constexpr int kTileScores = kWarp * (kRegisterClasses + 1);

// The samples of one block.
struct SampleTile {
  int64_t first;
  int32_t used;  // up to kWarp, fewer in the last tile, and below 1 behind it

  HOST_DEVICE SampleTile(int64_t block, int64_t samples)
      : first(block * kWarp),
        used(static_cast<int32_t>(min_of<int64_t>(kWarp, samples - block * kWarp))) {}
};

HOST_DEVICE int64_t sample_tiles(int64_t samples) { return ceil_div<int64_t>(samples, kWarp); }

// ---- what a lane holds in between: every kWarp-th element of the rows, from its own number on
// ----

// Bits of up to 64, so that sums can have the same registers in a thread that holds no rows.
using Held = uint64_t[kRegisterClasses];

// Calls function(i) for each i of a lane's held elements. A whole tile has `classes` a lane, and is
// a loop of its own, without a comparison an element.
template <typename Function>
HOST_DEVICE void for_each_held(int32_t elements, int32_t classes, int32_t lane,
                               const Function& function) {
  if (elements == classes * kWarp) {
    UNROLL
    for (int32_t i = 0; i < kRegisterClasses; ++i) {
      if (i < classes) {
        function(i);
      }
    }
    return;
  }
  UNROLL
  for (int32_t i = 0; i < kRegisterClasses; ++i) {
    if (i < classes && i * kWarp + lane < elements) {
      function(i);
    }
  }
}

// Of `elements`, which `classes` to a sample are. The loads are independent, and nothing waits for
// them before place_rows().
template <typename Score>
HOST_DEVICE void read_rows(const Score* rows, int32_t elements, int32_t classes, int32_t lane,
                           Held& held) {
  const Score* own = rows + lane;  // so that the rest of an address is a constant
  for_each_held(elements, classes, lane, [&](int32_t i) { held[i] = bits_of(own[i * kWarp]); });
}

template <typename Score>
HOST_DEVICE void place_rows(const Held& held, int32_t elements, int32_t classes, int32_t lane,
                            float* rows) {
  const bool padded = row_stride(classes) != classes;
  const int32_t reciprocal = ceil_div(1 << 16, classes);
  float* own = rows + lane;
  for_each_held(elements, classes, lane, [&](int32_t i) {
    // place / classes by a reciprocal: exact, since the error, at most place · (classes - 1) / 2^16
    // of a whole, stays below one.
    static_assert(kWarp * kRegisterClasses * (kRegisterClasses - 1) < 1 << 16);
    const int32_t paddings = padded ? (i * kWarp + lane) * reciprocal >> 16 : 0;
    own[i * kWarp + paddings] = widen(from_bits<Score>(held[i]));
  });
}

}  // namespace warpmix::ensemble
