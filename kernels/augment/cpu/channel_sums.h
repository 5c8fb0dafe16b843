// The CPU's loops that sum channels of images.
#pragma once

#include "../../simd.h"
#include "../fixed_point.h"
#include "../source_image.h"

namespace warpmix::augment {

namespace {

// Bytes are summed by columns of short lines of whole vectors, one vector of columns after the
// other.
constexpr int32_t kLinePixels = 32;
// Lines whose bytes fit into 16 bits when they are summed.
constexpr int64_t kLinesOf16Bits = 257;

// Sets columns [length], a multiple of 32, to the sums over `lines` lines.
WARPMIX_SIMD_CLONES void sum_columns(const uint8_t* bytes, int64_t lines, int32_t length,
                                     uint16_t* columns) {
  for (int32_t x = 0; x < length; x += 2 * kShorts) {
    Shorts even = {};
    Shorts odd = {};
    for (int64_t i = 0; i < lines; ++i) {
      const Shorts pairs = load_shorts(bytes + i * length + x);
      even += pairs & 0xFF;  // of bytes 0, 2, …
      odd += pairs >> 8;
    }
    for (int32_t i = 0; i < kShorts; ++i) {
      columns[x + 2 * i] = even[i];
      columns[x + 2 * i + 1] = odd[i];
    }
  }
}

// Sums of `count` elements, among which `period` channels alternate, in steps of 2^-16.
void add_sums(const uint8_t* bytes, int64_t count, int32_t period, int64_t* sums) {
  uint16_t columns[kLinePixels * kMaxChannels];
  const int32_t length = kLinePixels * period;
  while (count >= length) {
    const int64_t lines = min_of(count / length, kLinesOf16Bits);
    sum_columns(bytes, lines, length, columns);
    for (int32_t c = 0; c < period; ++c) {
      int32_t sum = 0;
      for (int32_t i = c; i < length; i += period) {
        sum += columns[i];
      }
      sums[c] += static_cast<int64_t>(sum) * static_cast<int64_t>(kSumScale);
    }
    bytes += lines * length;
    count -= lines * length;
  }
  for (int64_t i = 0; i < count; ++i) {
    sums[i % period] += fixed_point(bytes[i]);
  }
}

void add_sums(const float* values, int64_t count, int32_t period, int64_t* sums) {
  for (int64_t i = 0; i < count; i += period) {
    for (int32_t c = 0; c < period; ++c) {
      sums[c] += fixed_point(values[i + c]);
    }
  }
}

}  // namespace

// Images [begin, end).
template <typename Source>
void sum_images(const SumsParams& params, int64_t begin, int64_t end) {
  const int32_t channels = params.channels;
  for (int64_t n = begin; n < end; ++n) {
    const SourceImage source = source_image(params, static_cast<int32_t>(n));
    const Source* image = static_cast<const Source*>(params.images) + source.first;
    const int64_t pixels = pixels_of(source.extent);
    int64_t* sums = params.sums + n * channels;
    if (params.channel_stride == 1) {
      add_sums(image, pixels * channels, channels, sums);
      continue;
    }
    for (int32_t c = 0; c < channels; ++c) {
      add_sums(image + static_cast<int64_t>(c) * params.channel_stride, pixels, 1, sums + c);
    }
  }
}

}  // namespace warpmix::augment
