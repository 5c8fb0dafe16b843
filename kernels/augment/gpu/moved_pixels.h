// The images that whole-image launches read, and pixels of them that move by a projection.
#pragma once

#include "sampler.h"

namespace warpmix::augment {

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

// One of the images between two passes, from a channel on: as pixels where a thread makes all
// channels, else as planes.
template <int kCount>
struct PassedImage {
  float* first;
  int32_t pixel_stride, channel_stride, width;

  // `of`: number of the image, where a sample has several.
  HOST_DEVICE PassedImage(const AugmentParams& params, int32_t position, int32_t channel,
                          int32_t of = 0)
      : first(params.between_passes +
              (static_cast<int64_t>(of) * params.batch_size + position) * params.out_image_stride),
        pixel_stride(kCount > 1 ? kCount : 1),
        channel_stride(kCount > 1 ? 1 : params.width * params.height),
        width(params.width) {
    first += static_cast<int64_t>(channel) * channel_stride;
  }

  HOST_DEVICE float* pixel(int32_t x, int32_t y) const {
    return first + (y * width + x) * pixel_stride;
  }

  HOST_DEVICE float operator()(int32_t x, int32_t y, int32_t channel) const {
    return pixel(x, y)[channel * channel_stride];
  }
};

// What the image has at a place: its nearest pixel.
template <typename Source, int kCount>
HOST_DEVICE void take_nearest(const ImageReader<Source>& read, Place place, int32_t channel,
                              float* value) {
  const AugmentParams& params = read.params;
  const Nearest source = nearest_to(place, params.width, params.height);
  UNROLL
  for (int c = 0; c < kCount; ++c) {
    value[c] = source.outside != 0 ? params.program.fill[channel + c] : read(source.x, source.y, c);
  }
}

// Or what is between the four round it.
template <typename Source, int kCount>
HOST_DEVICE void take_between(const ImageReader<Source>& read, Place place, int32_t channel,
                              float* value) {
  const AugmentParams& params = read.params;
  const Taps across = taps_of(place.x, fold_of(Border::kConstant, params.width));
  const Taps down = taps_of(place.y, fold_of(Border::kConstant, params.height));
  const int32_t outside = border_covers(place.x, place.y, static_cast<float>(params.width) - 0.5f,
                                        static_cast<float>(params.height) - 0.5f);
  UNROLL
  for (int c = 0; c < kCount; ++c) {
    const float above = between(read(across.first, down.first, c),
                                read(across.second, down.first, c), across.weight);
    const float below = between(read(across.first, down.second, c),
                                read(across.second, down.second, c), across.weight);
    value[c] = outside != 0 ? params.program.fill[channel + c] : between(above, below, down.weight);
  }
}

// Or between the sixteen.
template <typename Source, int kCount>
HOST_DEVICE void take_cubic(const ImageReader<Source>& read, Place place, int32_t channel,
                            float* value) {
  const AugmentParams& params = read.params;
  if (border_covers(place.x, place.y, static_cast<float>(params.width) - 0.5f,
                    static_cast<float>(params.height) - 0.5f) != 0) {
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      value[c] = params.program.fill[channel + c];
    }
    return;
  }
  const auto load = [&](int32_t column, int32_t row, float (&tap)[kCount]) {
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      tap[c] = read(column, row, c);
    }
  };
  cubic_sample<kCount>(cubic_taps_of(place.x, fold_of(Border::kConstant, params.width)),
                       cubic_taps_of(place.y, fold_of(Border::kConstant, params.height)), load,
                       value);
}

// The group at (x, y) of an image whose pixels move. kCubic: see some_cubic.
template <bool kAffine, bool kCubic, typename Source, int kCount>
HOST_DEVICE void moved_group(const ImageReader<Source>& read, const Projection& projection,
                             int32_t x, int32_t y, int32_t channel, Group<kCount>& value) {
  UNROLL
  for (int i = 0; i < kGroup; ++i) {
    const Place place =
        place_of<kAffine>(projection, static_cast<float>(x + i), static_cast<float>(y));
    if (kCubic && projection.interpolation == Interpolation::kBicubic) {
      take_cubic<Source, kCount>(read, place, channel, value + i * kCount);
    } else if (projection.interpolation == Interpolation::kBilinear) {
      take_between<Source, kCount>(read, place, channel, value + i * kCount);
    } else {
      take_nearest<Source, kCount>(read, place, channel, value + i * kCount);
    }
    end_pixel();
  }
}

}  // namespace warpmix::augment
