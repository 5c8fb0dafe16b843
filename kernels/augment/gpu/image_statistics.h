// Statistics of images, for the operations that need them: a block an image, exact whatever the
// order of its threads.
#pragma once

#include "../draw.h"
#include "../fixed_point.h"
#include "chains.h"
#include "groups.h"

namespace warpmix::augment {

constexpr int kStatisticsThreads = 512;

// What the pixels' kernel reads of a channel. The operation says which member.
union ChannelStatistics {
  int32_t word[kStatisticsWords];
  Stretch stretch;
  uint8_t becomes[kLevels];  // each level
  float offset;              // of a contrast
};
static_assert(sizeof(ChannelStatistics) == sizeof(int32_t) * kStatisticsWords);

HOST_DEVICE ChannelStatistics& statistics_of(const AugmentParams& params, int32_t position,
                                             int32_t channel) {
  const int64_t slot = static_cast<int64_t>(position) * params.channels + channel;
  return reinterpret_cast<ChannelStatistics*>(params.statistics)[slot];
}

// A block's shared memory. Values are not negative, so that their bits are in their order.
struct StatisticsShared {
  ImageOperation operation;
  int32_t row;
  int32_t lowest[kMaxChannels];  // bits
  int32_t highest[kMaxChannels];
  int32_t histogram[kMaxChannels][kLevels];
  unsigned long long sum[kMaxChannels];  // in steps of 2^-16
};

HOST_DEVICE void lower_to(int32_t& lowest, int32_t value) {
#if defined(__CUDA_ARCH__)
  atomicMin(&lowest, value);
#else
  lowest = min_of(lowest, value);
#endif
}

HOST_DEVICE void raise_to(int32_t& highest, int32_t value) {
#if defined(__CUDA_ARCH__)
  atomicMax(&highest, value);
#else
  highest = max_of(highest, value);
#endif
}

HOST_DEVICE void add_to(unsigned long long& sum, int64_t value) {
#if defined(__CUDA_ARCH__)
  atomicAdd(&sum, static_cast<unsigned long long>(value));
#else
  sum += static_cast<unsigned long long>(value);
#endif
}

HOST_DEVICE void count_one(int32_t& level) {
#if defined(__CUDA_ARCH__)
  atomicAdd(&level, 1);
#else
  ++level;
#endif
}

// ---- phases, each finished by all threads before the next ---------------------------------------

HOST_DEVICE void begin_statistics(const AugmentParams& params, int32_t position, int32_t thread,
                                  StatisticsShared& shared) {
  if (thread == 0) {
    const Sample sample = batch_sample(params, position);
    shared.row = entering_row(params, position, sample.row);
    StageDraw draw;
    shared.operation = sample_operation<false>(params, position, sample, draw);
  }
  if (thread < params.channels) {
    shared.lowest[thread] = INT32_MAX;
    shared.highest[thread] = INT32_MIN;
  }
  if (thread < kMaxChannels) {
    shared.sum[thread] = 0;
  }
  for (int32_t i = thread; i < params.channels * kLevels; i += kStatisticsThreads) {
    shared.histogram[i / kLevels][i % kLevels] = 0;
  }
}

// Calls function(value) for a thread's share of a channel's values.
template <typename Source, typename Function>
HOST_DEVICE void for_each_value(const AugmentParams& params, int32_t row, int32_t channel,
                                int32_t thread, const Function& function) {
  const Source* plane = static_cast<const Source*>(params.images) + row * params.image_stride +
                        static_cast<int64_t>(channel) * params.channel_stride;
  const int32_t pixels = params.width * params.height;
  for (int32_t i = thread; i < pixels; i += kStatisticsThreads) {
    function(load_value(plane + static_cast<int64_t>(i) * params.pixel_stride));
  }
}

template <typename Source>
HOST_DEVICE void gather_statistics(const AugmentParams& params, int32_t thread,
                                   StatisticsShared& shared) {
  for (int32_t c = 0; c < params.channels; ++c) {
    if (shared.operation.operation == Operation::kEqualize) {
      for_each_value<Source>(params, shared.row, c, thread,
                             [&](float value) { count_one(shared.histogram[c][level_of(value)]); });
      continue;
    }
    if (shared.operation.operation == Operation::kColor) {
      int64_t sum = 0;
      for_each_value<Source>(params, shared.row, c, thread,
                             [&](float value) { sum += fixed_point(value); });
      add_to(shared.sum[c], sum);
      continue;
    }
    int32_t lowest = INT32_MAX;
    int32_t highest = INT32_MIN;
    for_each_value<Source>(params, shared.row, c, thread, [&](float value) {
      const int32_t bits = static_cast<int32_t>(bits_from_float(value));
      lowest = min_of(lowest, bits);
      highest = max_of(highest, bits);
    });
    lower_to(shared.lowest[c], lowest);
    raise_to(shared.highest[c], highest);
  }
}

// What a level becomes, by all levels' counts.
HOST_DEVICE int32_t equalized_level(const int32_t (&histogram)[kLevels], int32_t pixels,
                                    int32_t level) {
  int32_t below = 0;
  int32_t highest = 0;
  for (int32_t i = 0; i < kLevels; ++i) {
    const int32_t count = histogram[i];
    below += i < level ? count : 0;
    highest = count > 0 ? count : highest;
  }
  return equalized(level, below, equalizing_step(pixels, highest));
}

// Of a grey or an RGB image.
HOST_DEVICE float contrast_offset(const AugmentParams& params, const StatisticsShared& shared) {
  int64_t sums[3];
  UNROLL
  for (int c = 0; c < 3; ++c) {
    sums[c] = static_cast<int64_t>(shared.sum[c]);
  }
  return policy_offset(shared.operation.color, sums, params.channels, params.width * params.height);
}

HOST_DEVICE void finish_statistics(const AugmentParams& params, int32_t position, int32_t thread,
                                   const StatisticsShared& shared) {
  if (shared.operation.operation == Operation::kEqualize) {
    for (int32_t i = thread; i < params.channels * kLevels; i += kStatisticsThreads) {
      const int32_t channel = i / kLevels;
      const int32_t level = i % kLevels;
      statistics_of(params, position, channel).becomes[level] = static_cast<uint8_t>(
          equalized_level(shared.histogram[channel], params.width * params.height, level));
    }
  } else if (shared.operation.operation == Operation::kColor) {
    if (thread == 0) {
      statistics_of(params, position, 0).offset = contrast_offset(params, shared);
    }
  } else if (thread < params.channels) {
    statistics_of(params, position, thread).stretch =
        stretch_of(float_from_bits(static_cast<uint32_t>(shared.lowest[thread])),
                   float_from_bits(static_cast<uint32_t>(shared.highest[thread])));
  }
}

}  // namespace warpmix::augment
