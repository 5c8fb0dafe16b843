// Writing a group of pixels: rounded to the output's type, 16 bytes at a time where they fit.
#pragma once

#include "pixel.h"

namespace warpmix::augment {

constexpr int kGroup = 8;  // pixels a thread makes at a time: 16-byte stores of every float type

struct alignas(16) Vector16 {
  uint32_t word[4];
};

// Rounds and writes `count` of kCount values to consecutive elements; 16 bytes at a time where all
// are wanted and the address allows it.
template <typename Out, int kCount>
HOST_DEVICE void store(Out* out, const float (&value)[kCount], int32_t count) {
  constexpr int kPerWord = 4 / sizeof(Out);
  constexpr int kPerVector = 4 * kPerWord;
  if (kCount % kPerVector == 0 && count == kCount && reinterpret_cast<uintptr_t>(out) % 16 == 0) {
    UNROLL
    for (int i = 0; i + kPerVector <= kCount; i += kPerVector) {
      const Vector16 vector = {{packed<Out>(value + i), packed<Out>(value + i + kPerWord),
                                packed<Out>(value + i + 2 * kPerWord),
                                packed<Out>(value + i + 3 * kPerWord)}};
      *reinterpret_cast<Vector16*>(out + i) = vector;
    }
    return;
  }
  UNROLL
  for (int i = 0; i < kCount; ++i) {
    if (i < count) {
      out[i] = rounded<Out>(value[i]);
    }
  }
}

// Values of kGroup pixels, `pixels` of which are wanted; a pixel's channels are adjacent.
template <typename Out, int kCount>
HOST_DEVICE void store_group(const AugmentParams& params, Out* out, int32_t pixels,
                             const float (&value)[kGroup * kCount]) {
  if (params.out_channel_stride == 1 && params.channels == kCount) {
    store(out, value, pixels * kCount);
    return;
  }
  UNROLL
  for (int c = 0; c < kCount; ++c) {
    Out* plane = out + static_cast<int64_t>(c) * params.out_channel_stride;
    float row[kGroup];
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      row[i] = value[i * kCount + c];
    }
    if (params.out_pixel_stride == 1) {
      store(plane, row, pixels);
      continue;
    }
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      if (i < pixels) {
        plane[i * params.out_pixel_stride] = rounded<Out>(row[i]);
      }
    }
  }
}

}  // namespace warpmix::augment
