// Random numbers: samples, their Philox streams, and what is uniform between two numbers.
#pragma once

#include "../philox.h"
#include "params.h"

namespace warpmix::augment {

struct Sample {
  int32_t row;  // of the images
  int64_t id;   // of the random stream
  bool active;
};

// Before a row is cut to 32 bits.
HOST_DEVICE void require_row(const AugmentParams& params, int64_t row) {
  require_below(row, params.image_count);
}

HOST_DEVICE Sample batch_sample(const AugmentParams& params, int32_t position) {
  const int64_t row = params.index ? params.index[position] : position;
  require_row(params, row);
  return {static_cast<int32_t>(row), params.ids ? params.ids[position] : row,
          params.active ? params.active[position] : true};
}

// `partner` is drawn, or comes from outside with draws that are replayed.
HOST_DEVICE Sample partner_sample(const AugmentParams& params, int32_t partner) {
  if (params.from_batch) {
    require_below(partner, params.batch_size);
    return batch_sample(params, partner);
  }
  require_row(params, partner);
  return {partner, partner, true};
}

HOST_DEVICE uint32_t epoch_of(const AugmentParams& params) {
  return params.epoch + (params.step ? static_cast<uint32_t>(*params.step) : 0u);
}

// Counter = (id, epoch, stream and block): nothing of the batch, the device or the launch.
HOST_DEVICE Philox4 words_of_epoch(const AugmentParams& params, int64_t id, uint32_t epoch,
                                   int32_t stream, uint32_t block) {
  const uint64_t bits = static_cast<uint64_t>(id);
  return philox({{static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32), epoch,
                  static_cast<uint32_t>(stream) << 8 | block}},
                params.seed);
}

HOST_DEVICE Philox4 random_words(const AugmentParams& params, int64_t id, int32_t stream,
                                 uint32_t block) {
  return words_of_epoch(params, id, epoch_of(params), stream, block);
}

HOST_DEVICE float uniform_between(uint32_t word, float low, float span) {
  return uniform_closed_open(word) * span + low;
}

}  // namespace warpmix::augment
