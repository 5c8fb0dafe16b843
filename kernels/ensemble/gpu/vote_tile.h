// The kernel of votes and curves of up to kRegisterClasses classes, as a host-device function of
// the launch coordinates. A block is a tile of 32 samples, and its warps share the work:
//
//   readers   a model each: its rows to shared memory, while those of the model after next are on
//             their way from device memory; its favourite classes, its probabilities
//   summer    adds the probabilities of the models that the readers finished a step before, in the
//             order of the models, a lane a sample
//   counter   the same with their votes
//
// Where the number of classes is known to the compiler, kClasses, no loop is left and no address is
// computed: 10 classes take half the instructions. 0: any number.
//
// 380 models of 10,000 samples and 10 classes are 313 blocks, 2.4 on each of 132 multiprocessors.
#pragma once

#include "../count.h"
#include "../tally.h"
#include "rows.h"

namespace warpmix::ensemble {

constexpr int kReaders = 8;
constexpr int kSummer = kReaders;
constexpr int kCounter = kReaders + 1;
constexpr int kTileThreads = kWarp * (kReaders + 2);

struct TileShared {
  float rows[2][kReaders][kTileScores];   // of this step's models, and of those before
  float label[2][kReaders][kWarp];        // their favourite classes
  double total[kRegisterClasses][kWarp];  // the votes; at the end of a soft vote its sums
};

HOST_DEVICE int32_t tile_steps(const VoteParams& params) {
  return ceil_div(params.size, static_cast<int32_t>(kReaders)) + 1;  // the summer's is one behind
}

// One thread of a block, with its registers. For every step, in order: place(step), a barrier of
// the warp, work(step), a barrier of the block. Then write().
template <typename Score, int kClasses>
class TileThread {
 public:
  HOST_DEVICE TileThread(const VoteParams& params, TileShared& shared, int64_t block,
                         int32_t thread)
      : params_(params),
        shared_(shared),
        tile_(block, params.samples),
        warp_(thread / kWarp),
        lane_(thread % kWarp),
        stride_(row_stride(classes())) {
    if (warp_ < kReaders) {
      find_model(0);
      read(0);
      return;
    }
    UNROLL
    for (int32_t c = 0; c < kRegisterClasses; ++c) {
      held_[c] = 0;  // 0.0
      if (warp_ == kCounter) {
        shared_.total[c][lane_] = 0.0;
      }
    }
    if (params.soft_correct && lane_ < tile_.used) {
      const int64_t target = params.targets[tile_.first + lane_];
      require_below(target, classes());
      own_ = static_cast<int32_t>(target);
    }
  }

  // A reader's rows of this step, to shared memory.
  HOST_DEVICE void place(int32_t step) {
    if (reads(step)) {
      place_rows<Score>(held_, elements(), classes(), lane_, shared_.rows[step % 2][warp_]);
    }
  }

  HOST_DEVICE void work(int32_t step) {
    if (warp_ < kReaders) {
      read(step + 1);
      examine(step);
    } else if (warp_ == kSummer && params_.soft) {
      join(step - 1, [this](int32_t buffer, int32_t j, double weight) {
        return add_probabilities(shared_.rows[buffer][j] + lane_ * stride_, weight);
      });
    } else if (warp_ == kCounter && params_.hard) {
      join(step - 1, [this](int32_t buffer, int32_t j, double weight) {
        return add_vote(static_cast<int32_t>(shared_.label[buffer][j][lane_]), weight);
      });
    }
  }

  // A vote's decision, once all have joined.
  HOST_DEVICE void write() {
    if (!params_.labels || lane_ >= tile_.used || warp_ != (params_.soft ? kSummer : kCounter)) {
      return;
    }
    UNROLL
    for (int32_t c = 0; params_.soft && c < kRegisterClasses; ++c) {
      shared_.total[c][lane_] = double_from_bits(held_[c]);
    }
    write_decision(params_, &shared_.total[0][lane_], kWarp, tile_.first + lane_,
                   total_weight(params_));
  }

 private:
  HOST_DEVICE int32_t classes() const { return kClasses > 0 ? kClasses : params_.classes; }

  // ---- a reader ---------------------------------------------------------------------------------

  HOST_DEVICE int32_t elements() const { return tile_.used * classes(); }
  HOST_DEVICE int32_t model_of(int32_t step) const { return step * kReaders + warp_; }
  HOST_DEVICE bool reads(int32_t step) const {
    return warp_ < kReaders && model_of(step) < params_.size;
  }

  HOST_DEVICE void find_model(int32_t step) {
    model_ = reads(step) ? joining_model(params_, model_of(step)) : 0;
  }

  // Asks for the rows of a step, and which model's come after them.
  HOST_DEVICE void read(int32_t step) {
    if (reads(step)) {
      read_rows(score_row<Score>(params_, model_, tile_.first), elements(), classes(), lane_,
                held_);
      find_model(step + 1);
    }
  }

  HOST_DEVICE void examine(int32_t step) {
    bool invalid = false;
    if (reads(step) && lane_ < tile_.used) {
      Scores<1> scores = {shared_.rows[step % 2][warp_] + lane_ * stride_, 1, classes()};
      float highest[1];
      float label[1];
      invalid = scores.examine(params_.logits, 1, highest, label) > 0;
      shared_.label[step % 2][warp_][lane_] = label[0];
      if (params_.soft) {
        scores.normalise(params_.logits, inverse_temperature(params_, model_of(step)), highest);
      }
    }
    count_warp_into(params_.invalid, invalid);
  }

  // ---- the summer and the counter ---------------------------------------------------------------

  // The models of a step, in order. `add` says whether the decision so far is right.
  template <typename Add>
  HOST_DEVICE void join(int32_t step, const Add& add) {
    for (int32_t k = max_of(step * kReaders, 0); k < min_of((step + 1) * kReaders, params_.size);
         ++k) {
      const double weight = joining_weight(params_, k);
      const bool right = lane_ < opaque(tile_.used) && add(step % 2, k % kReaders, weight);
      if (params_.soft_correct) {
        count_warp_into((warp_ == kSummer ? params_.soft_correct : params_.hard_correct) + k,
                        right);
      }
    }
  }

  // As Tally's add_and_judge. The true class's sum is one of those held too, but registers cannot
  // be looked up by number.
  HOST_DEVICE bool add_probabilities(const float* row, double weight) {
    // Loop by loop, so that no step of a class waits for the step before of the same class. For 16
    // classes there are not registers enough to hold the row too.
    constexpr bool kHoldRow = kClasses > 0 && kClasses <= 10;
    const float own = row[own_];
    float value[kRegisterClasses];
    UNROLL
    for (int32_t c = 0; c < kRegisterClasses; ++c) {
      value[c] = kHoldRow && c < classes() ? row[c] : 0.0f;
    }
    own_sum_ = joined(own_sum_, weight, own);
    UNROLL
    for (int32_t c = 0; c < kRegisterClasses; ++c) {
      if (c < classes()) {
        held_[c] = bits_from_double(
            joined(double_from_bits(held_[c]), weight, kHoldRow ? value[c] : row[c]));
      }
    }
    int64_t wrong = 0;
    UNROLL
    for (int32_t c = 0; c < kRegisterClasses; ++c) {
      if (c < classes()) {
        wrong |= beats(double_from_bits(held_[c]), own_sum_, c, own_);
      }
    }
    return wrong == 0;
  }

  // As Tally's add_votes.
  HOST_DEVICE bool add_vote(int32_t voted, double weight) {
    const double won = shared_.total[voted][lane_] += weight;
    if (beats(won, most_, voted, leader_) != 0) {
      leader_ = voted;
      most_ = won;
    }
    return leader_ == own_;
  }

  const VoteParams& params_;
  TileShared& shared_;
  const SampleTile tile_;
  const int32_t warp_;
  const int32_t lane_;
  const int32_t stride_;

  Held held_;          // a reader's rows of the next step; the summer's sums
  int64_t model_ = 0;  // whose rows a reader asks for next

  double own_sum_ = 0.0;
  double most_ = 0.0;
  int32_t own_ = 0;
  int32_t leader_ = 0;
};

}  // namespace warpmix::ensemble
