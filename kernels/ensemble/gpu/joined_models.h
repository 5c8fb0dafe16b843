// What a lane of a tile (vote_tile.h) knows of the models that have joined: the sums of half of its
// sample's classes, or its votes. As Tally has them, of several models at once, so that their loads
// and comparisons do not wait for each other.
#pragma once

#include "../tally.h"
#include "rows.h"

namespace warpmix::ensemble {

constexpr int kTile = 16;  // samples
constexpr int kHalves = kWarp / kTile;
constexpr int kClassesAHalf = kRegisterClasses / kHalves;

HOST_DEVICE int32_t class_of(int32_t i, int32_t half) { return i * kHalves + half; }

// A sum lies where a reader has rows, since no thread has registers enough for both.
HOST_DEVICE double sum_of(const Held& held, int32_t i) {
  return double_from_words(held[2 * i], held[2 * i + 1]);
}

struct JoinedModels {
  double own_sum = 0.0;
  double most = 0.0;
  int32_t own = 0;  // the true class
  int32_t leader = 0;

  // As Tally's add_and_judge. Both halves keep the true class's sum.
  template <int kCount>
  HOST_DEVICE void add_probabilities(Held& sums, const float (*rows)[kTileScores<kTile>],
                                     int32_t row, int32_t half, int32_t classes,
                                     const double (&weight)[kCount], bool (&right)[kCount]) {
    double own_sums[kCount];
    float value[kCount];
    UNROLL
    for (int32_t j = 0; j < kCount; ++j) {
      own_sum = joined(own_sum, weight[j], rows[j][row + own]);
      own_sums[j] = own_sum;
      right[j] = true;
    }
    UNROLL
    for (int32_t i = 0; i < kClassesAHalf; ++i) {
      const int32_t c = class_of(i, half);
      if (c < classes) {
        UNROLL
        for (int32_t j = 0; j < kCount; ++j) {
          value[j] = rows[j][row + c];
        }
        UNROLL
        for (int32_t j = 0; j < kCount; ++j) {
          const double sum = joined(sum_of(sums, i), weight[j], value[j]);
          sums[2 * i] = low_word(sum);
          sums[2 * i + 1] = high_word(sum);
          right[j] &= beats(sum, own_sums[j], c, own) == 0;
        }
      }
    }
  }

  // As Tally's add_votes, to the lane's `votes`; both halves count the same.
  template <int kCount>
  HOST_DEVICE void add_votes(double (*votes)[kWarp], int32_t lane, const int32_t (*label)[kTile],
                             int32_t sample, const double (&weight)[kCount],
                             bool (&right)[kCount]) {
    int32_t voted[kCount];
    double won[kCount];
    UNROLL
    for (int32_t j = 0; j < kCount; ++j) {
      voted[j] = label[j][sample];
      won[j] = votes[voted[j]][lane] += weight[j];
    }
    UNROLL
    for (int32_t j = 0; j < kCount; ++j) {
      const bool leads = beats(won[j], most, voted[j], leader) != 0;
      leader = leads ? voted[j] : leader;
      most = leads ? won[j] : most;
      right[j] = leader == own;
    }
  }
};

}  // namespace warpmix::ensemble
