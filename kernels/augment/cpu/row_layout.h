// How the elements of an output row lie on the CPU: interleaved, or a plane a channel.
#pragma once

#include <algorithm>
#include <vector>

#include "coordinate_tables.h"

namespace warpmix::augment {

// A batch that would not stay in the cache until it is read is written past it: at 64×3×224² in 0.6
// of the time. Three quarters, as in glibc's memcpy, of the 32 MiB that a die's cores commonly
// share; sysconf told ten times that in a virtual machine.
inline bool exceeds_cache(const AugmentParams& params) {
  constexpr int64_t kCachedBytes = 24 << 20;
  int64_t bytes = params.batch_size * params.out_image_stride;
  with_out_type(params.out_type, [&](auto element) { bytes *= sizeof element; });
  return bytes > kCachedBytes;
}

class RowLayout {
 public:
  explicit RowLayout(const AugmentParams& params)
      : interleaved_(params.out_channel_stride == 1),
        width_(params.out_width),
        channels_(params.channels) {}

  bool interleaved() const { return interleaved_; }

  // Elements of a row, those of all planes.
  int32_t count() const { return width_ * channels_; }

  // Calls function(first element, elements) for each plane.
  template <typename Function>
  void for_each_plane(const Function& function) const {
    const int32_t elements = interleaved_ ? count() : width_;
    for (int32_t first = 0; first < count(); first += elements) {
      function(first, elements);
    }
  }

  // Columns to elements of a plane.
  Range elements(Range columns) const {
    const int32_t per_column = interleaved_ ? channels_ : 1;
    return {columns.begin * per_column, columns.end * per_column};
  }

  // One value a channel to one an element.
  void spread(const float* values, std::vector<float>& row) const {
    if (!interleaved_) {
      for (int32_t c = 0; c < channels_; ++c) {
        std::fill_n(row.data() + c * width_, width_, values[c]);
      }
    } else if (channels_ == 3) {
      spread_pixels<3>(values, row.data());
    } else {
      spread_pixels<0>(values, row.data());
    }
  }

 private:
  // kChannels: a number that the compiler knows, or 0.
  template <int kChannels>
  void spread_pixels(const float* values, float* row) const {
    const int32_t channels = kChannels > 0 ? kChannels : channels_;
    float pixel[kMaxChannels];  // a copy that no store reaches
    std::copy_n(values, channels, pixel);
    for (int32_t x = 0; x < width_; ++x) {
      for (int32_t c = 0; c < channels; ++c) {
        row[x * channels + c] = pixel[c];
      }
    }
  }

  const bool interleaved_;
  const int32_t width_;
  const int32_t channels_;
};

}  // namespace warpmix::augment
