// The kernel of whole-image launches: a block makes one tile of one image, by the operation that
// its sample has drawn.
#pragma once

#include "general_kernel.h"
#include "image_statistics.h"

namespace warpmix::augment {

// A block's shared memory.
struct WholeImageShared {
  ImageOperation operation;
  int32_t row;
  ColorStep step;  // of an operation kColor
};

// Every thread of the block finishes it before any begins with the pixels.
HOST_DEVICE void prepare_whole_image(const AugmentParams& params, Tile tile, int32_t thread,
                                     WholeImageShared& shared) {
  if (thread != 0) {
    return;
  }
  const Sample sample = batch_sample(params, tile.position);
  shared.row = sample.row;
  shared.operation = sample_operation(params, tile.position, sample);
  const PolicyColor color = shared.operation.color;
  if (shared.operation.operation == Operation::kColor) {
    const float offset = color.pivots ? statistics_of(params, tile.position, 0).offset : 0.0f;
    set_policy_step(color, offset, params.channels, shared.step);
  }
  if (tile.x == 0 && tile.y == 0) {
    write_targets(params, tile.position, sample.row, sample.row, 1.0f);
  }
}

// ---- pixels -------------------------------------------------------------------------------------

// An image, from a channel on.
template <typename Source>
struct ImageReader {
  const AugmentParams& params;
  const Source* first;

  HOST_DEVICE ImageReader(const AugmentParams& p, int32_t row, int32_t channel)
      : params(p),
        first(static_cast<const Source*>(p.images) + row * p.image_stride +
              static_cast<int64_t>(channel) * p.channel_stride) {}

  HOST_DEVICE float operator()(int32_t x, int32_t y, int32_t channel) const {
    return load_value(first + (y * params.row_stride + x * params.pixel_stride +
                               channel * params.channel_stride));
  }
};

// The group at (x, y) of an image whose pixels move.
template <typename Source, int kCount>
HOST_DEVICE void moved_group(const AugmentParams& params, const ImageReader<Source>& read,
                             const Map& map, int32_t x, int32_t y, int32_t channel,
                             Group<kCount>& value) {
  UNROLL
  for (int i = 0; i < kGroup; ++i) {
    const Nearest source = nearest_source(map, static_cast<float>(x + i), static_cast<float>(y),
                                          params.width, params.height);
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      value[i * kCount + c] =
          source.outside != 0 ? params.program.fill[channel + c] : read(source.x, source.y, c);
    }
  }
}

// The group at (x, y) of the image. What it has beyond the image's width is not used.
template <typename Source, int kCount>
HOST_DEVICE void operated_group(const AugmentParams& params, const WholeImageShared& shared,
                                int32_t position, int32_t x, int32_t y, int32_t channel,
                                Group<kCount>& value) {
  const ImageReader<Source> read(params, shared.row, channel);
  if (shared.operation.operation == Operation::kMove) {
    return moved_group<Source, kCount>(params, read, shared.operation.map, x, y, channel, value);
  }
  UNROLL
  for (int i = 0; i < kGroup * kCount; ++i) {
    value[i] = read(min_of(x + i / kCount, params.width - 1), y, i % kCount);
  }
  switch (shared.operation.operation) {
    case Operation::kNone:
    case Operation::kMove:
      return;
    case Operation::kColor:
      return apply_step(shared.step, GroupPixels<kCount>{value, channel});
    case Operation::kAutocontrast:
      UNROLL
      for (int c = 0; c < kCount; ++c) {
        const Stretch stretch = statistics_of(params, position, channel + c).stretch;
        UNROLL
        for (int i = c; i < kGroup * kCount; i += kCount) {
          value[i] = stretch(value[i]);
        }
      }
      return;
    case Operation::kEqualize:
      UNROLL
      for (int i = 0; i < kGroup * kCount; ++i) {
        const ChannelStatistics& statistics = statistics_of(params, position, channel + i % kCount);
        value[i] = static_cast<float>(statistics.becomes[level_of(value[i])]);
      }
      return;
  }
}

template <typename Source, int kCount>
HOST_DEVICE void make_whole_image_pixels(const AugmentParams& params, Tile tile, int32_t thread,
                                         const WholeImageShared& shared, int32_t channel) {
  const GroupRows rows(tile);
  for (int32_t group = thread; group < rows.count; group += kThreads) {
    const int32_t row = rows.row(group);
    const int32_t x = tile.x + rows.first_pixel(group, row);
    const int32_t y = tile.y + row;
    Group<kCount> value;
    operated_group<Source, kCount>(params, shared, tile.position, x, y, channel, value);
    const int64_t first = tile.position * params.out_image_stride + y * params.out_row_stride +
                          x * params.out_pixel_stride + channel * params.out_channel_stride;
    finish_group<kCount>(params, first, min_of(kGroup, params.width - x), channel, value);
  }
}

// kChannels 0 stands for any number of channels, made one after the other.
template <typename Source, int kChannels>
HOST_DEVICE void make_whole_image_tile(const AugmentParams& params, Tile tile, int32_t thread,
                                       const WholeImageShared& shared) {
  if constexpr (kChannels == 0) {
    for (int32_t c = 0; c < params.channels; ++c) {
      make_whole_image_pixels<Source, 1>(params, tile, thread, shared, c);
    }
  } else {
    make_whole_image_pixels<Source, kChannels>(params, tile, thread, shared, 0);
  }
}

}  // namespace warpmix::augment
