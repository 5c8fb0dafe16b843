// Writing a group of pixels: rounded to the output's type, 16 bytes at a time where they fit.
#pragma once

#include "../output.h"
#include "block_parameters.h"
#include "words.h"

namespace warpmix::augment {

// In one instruction on the device, where nvcc does not always join the words' stores by itself.
HOST_DEVICE void store_words(void* out, const Words<4>& words) {
#if defined(__CUDA_ARCH__)
  __stwb(static_cast<uint4*>(out),
         make_uint4(words.word[0], words.word[1], words.word[2], words.word[3]));
#else
  *static_cast<Words<4>*>(out) = words;
#endif
}

HOST_DEVICE void store_words(void* out, const Words<2>& words) {
#if defined(__CUDA_ARCH__)
  __stwb(static_cast<uint2*>(out), make_uint2(words.word[0], words.word[1]));
#else
  *static_cast<Words<2>*>(out) = words;
#endif
}

HOST_DEVICE void store_words(void* out, const Words<1>& words) {
  *static_cast<Words<1>*>(out) = words;
}

// Rounds and writes `count` of kCount values to consecutive elements; where all are wanted and the
// address allows it, 16 bytes at a time, or 8 or 4 where that is how many divide them.
template <typename Out, int kCount>
HOST_DEVICE void store(Out* out, const float (&value)[kCount], int32_t count) {
  constexpr int kPerWord = 4 / sizeof(Out);
  constexpr int kWords = kCount % (4 * kPerWord) == 0 ? 4 : kCount % (2 * kPerWord) == 0 ? 2 : 1;
  static_assert(kCount % (kWords * kPerWord) == 0);
  if (count == kCount && reinterpret_cast<uintptr_t>(out) % (4 * kWords) == 0) {
    UNROLL
    for (int i = 0; i < kCount; i += kWords * kPerWord) {
      Words<kWords> words;
      UNROLL
      for (int w = 0; w < kWords; ++w) {
        words.word[w] = packed<Out>(value + i + w * kPerWord);
      }
      store_words(out + i, words);
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
