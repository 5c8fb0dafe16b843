// Rows of a model's scores on their way to shared memory, kLanes samples by as many lanes of a
// warp: read in the order of their memory, so that lanes next to each other read elements next to
// each other, and written so that each lane finds the row of its own sample.
#pragma once

#include "../../words.h"
#include "../scores.h"

namespace warpmix::ensemble {

constexpr int kWarp = 32;  // threads

// Scores in shared memory from a sample to the next: so that at most two lanes use a bank.
HOST_DEVICE constexpr int32_t row_stride(int32_t classes) { return classes + (classes % 4 == 0); }

template <int kLanes>
constexpr int kTileScores = kLanes * (kRegisterClasses + 1);

// Samples that share a block or a warp.
template <int kLanes>
struct SampleTile {
  int64_t first;
  int32_t used;  // up to kLanes, fewer in the last tile, and below 1 behind it

  HOST_DEVICE SampleTile(int64_t number, int64_t samples)
      : first(number * kLanes),
        used(static_cast<int32_t>(min_of<int64_t>(kLanes, samples - number * kLanes))) {}
};

// ---- what a lane holds in between: every kLanes-th element, from its own number on ------------

using Held = uint32_t[kRegisterClasses];  // bits

// Calls function(i) for each i of a lane's held elements. A whole tile has `classes` a lane, and is
// a loop of its own, without a comparison an element.
template <int kLanes, typename Function>
HOST_DEVICE void for_each_held(int32_t elements, int32_t classes, int32_t lane,
                               const Function& function) {
  if (elements == classes * kLanes) {
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
    if (i < classes && i * kLanes + lane < elements) {
      function(i);
    }
  }
}

// From the lane's `own` first element on, of `elements`, which `classes` to a sample are. The loads
// are independent, and nothing waits for them before place_rows().
template <int kLanes, typename Score>
HOST_DEVICE void read_rows(const Score* own, int32_t elements, int32_t classes, int32_t lane,
                           Held& held) {
  for_each_held<kLanes>(elements, classes, lane,
                        [&](int32_t i) { held[i] = bits_of(own[i * kLanes]); });
}

template <int kLanes, typename Score>
HOST_DEVICE void place_rows(const Held& held, int32_t elements, int32_t classes, int32_t lane,
                            float* rows) {
  const bool padded = row_stride(classes) != classes;
  const int32_t reciprocal = ceil_div(1 << 16, classes);
  float* own = rows + lane;
  for_each_held<kLanes>(elements, classes, lane, [&](int32_t i) {
    // place / classes by a reciprocal: exact, since the error, at most place · (classes - 1) / 2^16
    // of a whole, stays below one.
    static_assert(kLanes * kRegisterClasses * (kRegisterClasses - 1) < 1 << 16);
    const int32_t paddings = padded ? (i * kLanes + lane) * reciprocal >> 16 : 0;
    own[i * kLanes + paddings] = widen(from_bits<Score>(held[i]));
  });
}

// ---- the same four elements at a time: of a whole tile of kClasses classes, which no padding
// ------
// ---- parts, at addresses that divide by 16 ------------------------------------------------------

// Calls function(held, place) for each four of a lane: where it is held, and how far it lies behind
// the lane's first.
template <int kLanes, int kClasses, typename Function>
HOST_DEVICE void for_each_four(int32_t lane, const Function& function) {
  constexpr int32_t kFours = kLanes * kClasses / 4;
  UNROLL
  for (int32_t i = 0; i * kLanes < kFours; ++i) {
    if ((i + 1) * kLanes <= kFours || i * kLanes + lane < kFours) {
      function(i * 4, i * kLanes * 4);
    }
  }
}

template <int kLanes, int kClasses>
HOST_DEVICE void read_fours(const void* own, int32_t lane, Held& held) {
  for_each_four<kLanes, kClasses>(lane, [&](int32_t i, int32_t place) {
    const Words<4> four = load_words(static_cast<const float*>(own) + place);
    UNROLL
    for (int32_t j = 0; j < 4; ++j) {
      held[i + j] = four.word[j];
    }
  });
}

template <int kLanes, int kClasses>
HOST_DEVICE void place_fours(const Held& held, int32_t lane, float* rows) {
  float* own = rows + lane * 4;
  for_each_four<kLanes, kClasses>(lane, [&](int32_t i, int32_t place) {
    put_words(own + place, {held[i], held[i + 1], held[i + 2], held[i + 3]});
  });
}

}  // namespace warpmix::ensemble
