// The kernel of votes and curves of up to kRegisterClasses classes, as a host-device function of
// the launch coordinates. A block is a tile of 16 samples, and half a warp has a lane for each. The
// warps share the work on kModels models at a time:
//
//   readers   a model each half: its rows to shared memory, while those of the step after are on
//             their way from device memory; its favourite classes, its probabilities
//   summer    adds the probabilities of the models that the readers finished a step before, in the
//             order of the models: the even classes in one half, the odd ones in the other
//   counter   the same with their votes
//
// What a step's models got right is counted a step later, from a bit a lane.
//
// Where the number of classes is known to the compiler, kClasses, no loop is left and no address is
// computed: 10 classes take half the instructions. 0: any number.
//
// 380 models of 10,000 samples and 10 classes are 625 blocks, at most 5 on each of 132
// multiprocessors, which are 80 samples: tiles of 32 would be 96 samples where most are.
#pragma once

#include <type_traits>

#include "../count.h"
#include "joined_models.h"

namespace warpmix::ensemble {

constexpr int kReaders = 4;
constexpr int kModels = kReaders * kHalves;
constexpr int kSummer = kReaders;
constexpr int kCounter = kReaders + 1;
constexpr int kTileThreads = kWarp * (kReaders + 2);
// Models whose scores are loaded before the first is added. Weights, and more classes, leave no
// registers for more of them.
template <int kClasses, bool kWeighted>
constexpr int kTogether = kWeighted ? 1 : (kClasses > 0 ? kModels : 4);

struct TileShared {
  // Of this step's models and of those before: their scores, and their favourite classes.
  alignas(16) float rows[2][kModels][kTileScores<kTile>];
  int32_t label[2][kModels][kTile];
  double total[kRegisterClasses][kWarp];  // the votes; at the end of a soft vote its sums
  // By the summer and by the counter, a bit a lane: with this model the true class leads all those
  // that the lane knows of.
  alignas(16) uint32_t right[2][2][kModels];
};

HOST_DEVICE int64_t sample_tiles(int64_t samples) { return ceil_div<int64_t>(samples, kTile); }

// Adding is a step behind reading.
HOST_DEVICE int32_t tile_steps(const VoteParams& params) {
  return ceil_div(params.size, static_cast<int32_t>(kModels)) + 1;
}

// One thread of a block, with its registers. For every step, in order: place(step), a barrier of
// the warp, work(step), a barrier of the block. Then finish(), a barrier of the warp, write().
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
        half_(lane_ / kTile),
        sample_(opaque(min_of(lane_ % kTile, tile_.used - 1))),
        place_(opaque(warp_ * kHalves + half_)),
        by_fours_(opaque(static_cast<int32_t>(
            kFours && tile_.used == kTile && params.samples * classes() % 4 == 0 &&
            reinterpret_cast<uintptr_t>(params.predictions) % 16 == 0))),
        first_(opaque((tile_.first * classes() + lane_ % kTile * (by_fours_ != 0 ? 4 : 1)) *
                      int64_t{sizeof(Score)})),
        model_bytes_(opaque(params.samples * classes() * int64_t{sizeof(Score)})) {
    if (warp_ < kReaders) {
      find_model(0);
      read(0);
      return;
    }
    UNROLL
    for (int32_t c = 0; c < kRegisterClasses; ++c) {
      held_[c] = 0;  // of 0.0
      if (warp_ == kCounter) {
        shared_.total[c][lane_] = 0.0;
      }
    }
    if (params.soft_correct) {
      const int64_t target = params.targets[tile_.first + sample_];
      require_below(target, classes());
      joined_.own = static_cast<int32_t>(target);
    }
  }

  // A reader's rows of this step, to shared memory.
  HOST_DEVICE void place(int32_t step) {
    if (!reads(step)) {
      return;
    }
    if (kFours && by_fours_ != 0) {
      place_fours<kTile, kClasses>(held_, lane_ % kTile, rows_of(step));
    } else {
      place_rows<kTile, Score>(held_, elements(), classes(), lane_ % kTile, rows_of(step));
    }
  }

  HOST_DEVICE void work(int32_t step) {
    if (warp_ < kReaders) {
      read(step + 1);
      examine(step);
    } else {
      if (params_.weights) {
        join<true>(step - 1);
      } else {
        join<false>(step - 1);
      }
      if (warp_ == kSummer) {
        count_right(step - 2);
      }
    }
  }

  // What the last step's models got right, and a soft vote's sums.
  HOST_DEVICE void finish() {
    if (warp_ == kSummer) {
      count_right(tile_steps(params_) - 2);
    }
    UNROLL
    for (int32_t i = 0; i < kClassesAHalf; ++i) {
      if (params_.labels && params_.soft && warp_ == kSummer && class_of(i, half_) < classes()) {
        shared_.total[class_of(i, half_)][lane_ % kTile] = sum_of(held_, i);
      }
    }
  }

  HOST_DEVICE void write() {
    if (params_.labels && lane_ < tile_.used && warp_ == (params_.soft ? kSummer : kCounter)) {
      write_decision(params_, &shared_.total[0][lane_], kWarp, tile_.first + lane_,
                     total_weight(params_));
    }
  }

 private:
  static constexpr bool kFours = std::is_same_v<Score, float> && kClasses > 0 &&
                                 row_stride(kClasses) == kClasses && kTile * kClasses % 4 == 0;

  HOST_DEVICE int32_t classes() const { return kClasses > 0 ? kClasses : params_.classes; }

  // ---- a reader ---------------------------------------------------------------------------------

  HOST_DEVICE int32_t elements() const { return tile_.used * classes(); }
  HOST_DEVICE int32_t model_of(int32_t step) const { return step * kModels + place_; }
  HOST_DEVICE float* rows_of(int32_t step) const { return shared_.rows[step % 2][place_]; }
  HOST_DEVICE bool reads(int32_t step) const {
    return warp_ < kReaders && model_of(step) < params_.size;
  }

  // Which model's rows a step needs: not looked at before the step, since it comes from memory.
  HOST_DEVICE void find_model(int32_t step) {
    model_ = reads(step) ? named_model(params_, model_of(step)) : 0;
  }

  // Asks for the rows of a step, and which model's come after them.
  HOST_DEVICE void read(int32_t step) {
    if (reads(step)) {
      require_below(model_, params_.models);
      const auto* own = reinterpret_cast<const Score*>(
          static_cast<const char*>(params_.predictions) + (first_ + model_ * model_bytes_));
      if (kFours && by_fours_ != 0) {
        read_fours<kTile, kClasses>(own, lane_ % kTile, held_);
      } else {
        read_rows<kTile>(own, elements(), classes(), lane_ % kTile, held_);
      }
      find_model(step + 1);
    }
  }

  HOST_DEVICE void examine(int32_t step) {
    bool invalid = false;
    if (reads(step) && lane_ % kTile < tile_.used) {
      Scores<1> scores = {rows_of(step) + row(), 1, classes()};
      Extremes<1> found;
      invalid = scores.examine(params_.logits, 1, found) > 0;
      shared_.label[step % 2][place_][sample_] = static_cast<int32_t>(found.label[0]);
      if (params_.soft) {
        scores.normalise(params_.logits, inverse_temperature(params_, model_of(step)), found);
      }
    }
    count_warp_into(params_.invalid, invalid);
  }

  // ---- the summer and the counter: lanes without a sample do as the last one does ---------------

  HOST_DEVICE int32_t row() const { return sample_ * row_stride(classes()); }
  HOST_DEVICE int32_t models_of(int32_t step) const {
    return step < 0 ? 0 : min_of(params_.size - step * kModels, static_cast<int32_t>(kModels));
  }

  // The models of a step, in order.
  template <bool kWeighted>
  HOST_DEVICE void join(int32_t step) {
    const int32_t models = models_of(step);
    int32_t j = 0;
    for (; j + kTogether<kClasses, kWeighted> <= models; j += kTogether<kClasses, kWeighted>) {
      join<kWeighted, kTogether<kClasses, kWeighted>>(step, j);
    }
    for (; j < models; ++j) {
      join<kWeighted, 1>(step, j);
    }
  }

  // kCount of them, from the step's model `first` on.
  template <bool kWeighted, int kCount>
  HOST_DEVICE void join(int32_t step, int32_t first) {
    bool right[kCount] = {};
    double weight[kCount];
    UNROLL
    for (int32_t j = 0; j < kCount; ++j) {
      weight[j] = kWeighted ? params_.weights[step * kModels + first + j] : 1.0;
    }
    if (warp_ == kSummer && params_.soft) {
      joined_.add_probabilities(held_, shared_.rows[step % 2] + first, row(), half_, classes(),
                                weight, right);
    } else if (warp_ == kCounter && params_.hard) {
      joined_.add_votes(shared_.total, lane_, shared_.label[step % 2] + first, sample_, weight,
                        right);
    }
    if (params_.soft_correct) {
      record_flags(&shared_.right[step % 2][warp_ - kSummer][first], right, lane_);
    }
  }

  // How many samples the models up to each of a step's got right, by sums and by votes: a lane
  // each.
  HOST_DEVICE void count_right(int32_t step) {
    const int32_t by = lane_ / kModels;
    const int32_t j = lane_ % kModels;
    if (params_.soft_correct && by < 2 && j < models_of(step)) {
      const uint32_t flags = shared_.right[step % 2][by][j];
      const uint32_t both_halves = flags & flags >> kTile & ((1u << tile_.used) - 1);
      add_to((by == 0 ? params_.soft_correct : params_.hard_correct) + step * kModels + j,
             ones(both_halves));
    }
  }

  const VoteParams& params_;
  TileShared& shared_;
  const SampleTile<kTile> tile_;
  const int32_t warp_;
  const int32_t lane_;
  const int32_t half_;
  const int32_t sample_;  // of the tile

  const int32_t place_;     // of a reader's models, in a step's
  const int32_t by_fours_;  // whether rows can be read and placed so
  const int64_t first_;     // bytes from a model's scores to the first that the lane reads
  const int64_t model_bytes_;

  Held held_;          // a reader's rows of the next step; the summer's sums
  int64_t model_ = 0;  // whose rows a reader asks for next

  JoinedModels joined_;
};

}  // namespace warpmix::ensemble
