// Statistics of images, for the operations that need them: a block an image, exact whatever the
// order of its threads.
#pragma once

#include "../draw.h"
#include "../fixed_point.h"
#include "groups.h"

namespace warpmix::augment {

constexpr int kStatisticsThreads = 512;

// What the pixels' kernel reads of a channel. The operation says which member.
union ChannelStatistics {
  int32_t word[kStatisticsWords];
  Stretch stretch;
  float offset;  // of a contrast
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

// ---- phases, each finished by all threads before the next ---------------------------------------

HOST_DEVICE void begin_statistics(const AugmentParams& params, int32_t position, int32_t thread,
                                  StatisticsShared& shared) {
  if (thread == 0) {
    const Sample sample = batch_sample(params, position);
    shared.row = sample.row;
    shared.operation = sample_operation(params, position, sample);
  }
  if (thread < params.channels) {
    shared.lowest[thread] = INT32_MAX;
    shared.highest[thread] = INT32_MIN;
    shared.sum[thread] = 0;
  }
}

template <typename Source>
HOST_DEVICE void gather_statistics(const AugmentParams& params, int32_t thread,
                                   StatisticsShared& shared) {
  const int32_t pixels = params.width * params.height;
  for (int32_t c = 0; c < params.channels; ++c) {
    const Source* plane = static_cast<const Source*>(params.images) +
                          shared.row * params.image_stride +
                          static_cast<int64_t>(c) * params.channel_stride;
    int32_t lowest = INT32_MAX;
    int32_t highest = INT32_MIN;
    int64_t sum = 0;
    for (int32_t i = thread; i < pixels; i += kStatisticsThreads) {
      const float value = load_value(plane + static_cast<int64_t>(i) * params.pixel_stride);
      const int32_t bits = static_cast<int32_t>(bits_from_float(value));
      lowest = min_of(lowest, bits);
      highest = max_of(highest, bits);
      sum += fixed_point(value);
    }
    if (lowest <= highest) {
      lower_to(shared.lowest[c], lowest);
      raise_to(shared.highest[c], highest);
      add_to(shared.sum[c], sum);
    }
  }
}

HOST_DEVICE void finish_statistics(const AugmentParams& params, int32_t position, int32_t thread,
                                   const StatisticsShared& shared) {
  if (thread >= params.channels) {
    return;
  }
  ChannelStatistics& statistics = statistics_of(params, position, thread);
  if (shared.operation.operation == Operation::kColor) {
    int64_t sums[3];  // of a grey or an RGB image
    UNROLL
    for (int c = 0; c < 3; ++c) {
      sums[c] = static_cast<int64_t>(shared.sum[c]);
    }
    statistics.offset =
        color_offset(shared.operation.color, sums, params.channels, params.width * params.height);
  } else {
    statistics.stretch = stretch_of(float_from_bits(static_cast<uint32_t>(shared.lowest[thread])),
                                    float_from_bits(static_cast<uint32_t>(shared.highest[thread])));
  }
}

}  // namespace warpmix::augment
