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
  ChainStep chain;
  ColorStep step;                      // of an operation kColor
  float gaussian[kMaxBlurRadius + 1];  // by distance,
  float weight[kMaxBlurRadius + 1];    // and divided by their sum
};
static_assert(kMaxBlurRadius < kThreads);

// ---- phases, each finished by all threads before the next ---------------------------------------

// kMoves: see operation_of.
template <bool kMoves>
HOST_DEVICE void prepare_whole_image(const AugmentParams& params, Tile tile, int32_t thread,
                                     WholeImageShared& shared) {
  if (thread != 0) {
    return;
  }
  const Sample sample = batch_sample(params, tile.position);
  shared.row = entering_row(params, tile.position, sample.row);
  StageDraw draw;
  shared.operation = sample_operation<kMoves>(params, tile.position, sample, draw);
  shared.chain = chain_step(params, sample.id, draw);
  const PolicyColor color = shared.operation.color;
  if (shared.operation.operation == Operation::kColor) {
    const float offset = color.pivots ? statistics_of(params, tile.position, 0).offset : 0.0f;
    set_policy_step(color, offset, params.channels, shared.step);
  }
}

HOST_DEVICE int32_t radius_of(const BlurWindow& blur, int32_t axis) {
  return axis == 0 ? blur.radius_x : blur.radius_y;
}

// The window of the pass along an axis, in two phases. Of a block whose operation has passes.
HOST_DEVICE void begin_window(int32_t axis, int32_t thread, WholeImageShared& shared) {
  const BlurWindow& blur = shared.operation.blur;
  if (thread <= radius_of(blur, axis)) {
    shared.gaussian[thread] = gaussian(thread, blur.sigma);
  }
}

HOST_DEVICE void finish_window(int32_t axis, int32_t thread, WholeImageShared& shared) {
  const int32_t radius = radius_of(shared.operation.blur, axis);
  if (thread <= radius) {
    shared.weight[thread] = shared.gaussian[thread] / window_sum(shared.gaussian, radius);
  }
}

HOST_DEVICE void write_whole_image_targets(const AugmentParams& params, Tile tile, int32_t thread,
                                           const WholeImageShared& shared) {
  if (thread == 0 && tile.x == 0 && tile.y == 0 && params.slot == 0) {
    write_targets(params, tile.position, shared.row, shared.row, 1.0f);
  }
}

// ---- pixels -------------------------------------------------------------------------------------

// Pixel (x, y) sharpened; those at the image's border stay as they are.
template <typename Source, int kCount>
HOST_DEVICE void sharpen_pixel(const ImageReader<Source>& read, int32_t x, int32_t y, float factor,
                               float* value) {
  const AugmentParams& params = read.params;
  if (x < 1 || y < 1 || x >= params.width - 1 || y >= params.height - 1) {
    return;
  }
  UNROLL
  for (int c = 0; c < kCount; ++c) {
    const float above[3] = {read(x - 1, y - 1, c), read(x, y - 1, c), read(x + 1, y - 1, c)};
    const float below[3] = {read(x - 1, y + 1, c), read(x, y + 1, c), read(x + 1, y + 1, c)};
    value[c] = sharpened(value[c], above, read(x - 1, y, c), read(x + 1, y, c), below, factor);
  }
}

// The group at (x, y), blurred along an axis.
template <int kAxis, int kCount, typename Image>
HOST_DEVICE void blur_group(const AugmentParams& params, const WholeImageShared& shared,
                            const Image& read, int32_t x, int32_t y, Group<kCount>& value) {
  const int32_t radius = radius_of(shared.operation.blur, kAxis);
  const int32_t size = kAxis == 0 ? params.width : params.height;
  const Reentry reentry = reentry_of(Border::kReflect, size);
  UNROLL
  for (int i = 0; i < kGroup * kCount; ++i) {
    value[i] = shared.weight[0] * read(min_of(x + i / kCount, params.width - 1), y, i % kCount);
  }
  for (int32_t distance = 1; distance <= radius; ++distance) {
    const float weight = shared.weight[distance];
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      const int32_t own = kAxis == 0 ? min_of(x + i, size - 1) : y;
      const int32_t before = reentered(own - distance, size, reentry);
      const int32_t after = reentered(own + distance, size, reentry);
      const int32_t column = min_of(x + i, params.width - 1);
      UNROLL
      for (int c = 0; c < kCount; ++c) {
        value[i * kCount + c] = with_pair(value[i * kCount + c], weight,
                                          kAxis == 0 ? read(before, y, c) : read(column, before, c),
                                          kAxis == 0 ? read(after, y, c) : read(column, after, c));
      }
      end_pixel();
    }
  }
}

// The group at (x, y) of the image. What it has beyond the image's width is not used.
// kCubic: see some_cubic.
template <bool kCubic, typename Source, int kCount>
HOST_DEVICE void operated_group(const AugmentParams& params, const WholeImageShared& shared,
                                int32_t position, int32_t x, int32_t y, int32_t channel,
                                Group<kCount>& value) {
  const ImageReader<Source> read(params, shared.row, channel);
  if (shared.operation.operation == Operation::kMove) {
    const Projection& projection = shared.operation.projection;
    return projection.is_affine
               ? moved_group<true, kCubic, Source, kCount>(read, projection, x, y, channel, value)
               : moved_group<false, kCubic, Source, kCount>(read, projection, x, y, channel, value);
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
    case Operation::kSolarizeAdd:
      UNROLL
      for (int i = 0; i < kGroup * kCount; ++i) {
        value[i] = solarize_add(value[i], shared.operation.factor);
      }
      return;
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
    case Operation::kSharpness:
      UNROLL
      for (int i = 0; i < kGroup; ++i) {
        sharpen_pixel<Source, kCount>(read, x + i, y, shared.operation.factor, value + i * kCount);
        end_pixel();
      }
      return;
    case Operation::kBlur:
      blur_group<1, kCount>(params, shared, PassedImage<kCount>(params, position, channel), x, y,
                            value);
      UNROLL
      for (int i = 0; i < kGroup * kCount; ++i) {
        value[i] = window_result(value[i]);
      }
      return;
  }
}

// Calls body(x, y) for each of a thread's groups.
template <typename Body>
HOST_DEVICE void for_each_group(Tile tile, int32_t thread, const Body& body) {
  const GroupRows rows(tile);
  for (int32_t group = thread; group < rows.count; group += kThreads) {
    const int32_t row = rows.row(group);
    body(tile.x + rows.first_pixel(group, row), tile.y + row);
  }
}

template <bool kCubic, typename Source, int kCount>
HOST_DEVICE void make_whole_image_pixels(const AugmentParams& params, Tile tile, int32_t thread,
                                         const WholeImageShared& shared, int32_t channel) {
  for_each_group(tile, thread, [&](int32_t x, int32_t y) {
    Group<kCount> value;
    operated_group<kCubic, Source, kCount>(params, shared, tile.position, x, y, channel, value);
    const ChainStep& chain = shared.chain;
    if ((chain.begins || chain.ends || params.slot > 0) &&
        !mix_group<Source, kCount>(params, chain, tile.position, shared.row, x, y, channel,
                                   value)) {
      return;
    }
    const int64_t first = tile.position * params.out_image_stride + y * params.out_row_stride +
                          x * params.out_pixel_stride + channel * params.out_channel_stride;
    finish_group<kCount>(params, first, min_of(kGroup, params.width - x), channel, value);
  });
}

// The first of two passes: along rows, into the image between them.
template <typename Source, int kCount>
HOST_DEVICE void pass_pixels(const AugmentParams& params, Tile tile, int32_t thread,
                             const WholeImageShared& shared, int32_t channel) {
  const ImageReader<Source> read(params, shared.row, channel);
  const PassedImage<kCount> passed(params, tile.position, channel);
  for_each_group(tile, thread, [&](int32_t x, int32_t y) {
    Group<kCount> value;
    blur_group<0, kCount>(params, shared, read, x, y, value);
    store(passed.pixel(x, y), value, min_of(kGroup, params.width - x) * kCount);
  });
}

// Calls body(channel, kCount) for the channels that a thread makes together; kChannels 0 stands for
// any number of channels, made one after the other.
template <int kChannels, typename Body>
HOST_DEVICE void for_each_channel(const AugmentParams& params, const Body& body) {
  if constexpr (kChannels == 0) {
    for (int32_t c = 0; c < params.channels; ++c) {
      body(c, std::integral_constant<int, 1>());
    }
  } else {
    body(0, std::integral_constant<int, kChannels>());
  }
}

template <typename Source, int kChannels, bool kCubic>
HOST_DEVICE void make_whole_image_tile(const AugmentParams& params, Tile tile, int32_t thread,
                                       const WholeImageShared& shared) {
  write_whole_image_targets(params, tile, thread, shared);
  if (shared.chain.idle) {
    return;
  }
  for_each_channel<kChannels>(params, [&](int32_t channel, auto count) {
    make_whole_image_pixels<kCubic, Source, decltype(count)::value>(params, tile, thread, shared,
                                                                    channel);
  });
}

template <typename Source, int kChannels>
HOST_DEVICE void pass_tile(const AugmentParams& params, Tile tile, int32_t thread,
                           const WholeImageShared& shared) {
  for_each_channel<kChannels>(params, [&](int32_t channel, auto count) {
    pass_pixels<Source, decltype(count)::value>(params, tile, thread, shared, channel);
  });
}

}  // namespace warpmix::augment
