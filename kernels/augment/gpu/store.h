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

// How kCount values are written where all are wanted: in kParts vectors of 16 bytes, or of 8 or 4
// where that is how many divide them.
template <typename Out, int kCount>
struct Vectors {
  static constexpr int kPerWord = 4 / sizeof(Out);
  static constexpr int kWords = kCount % (4 * kPerWord) == 0   ? 4
                                : kCount % (2 * kPerWord) == 0 ? 2
                                                               : 1;
  static constexpr int kLength = kWords * kPerWord;  // values
  static constexpr int kParts = kCount / kLength;
  static_assert(kCount % kLength == 0);

  HOST_DEVICE static Words<kWords> rounded(const float* value) {
    Words<kWords> words;
    UNROLL
    for (int w = 0; w < kWords; ++w) {
      words.word[w] = packed<Out>(value + w * kPerWord);
    }
    return words;
  }

  HOST_DEVICE static bool divides(const Out* out) {
    return reinterpret_cast<uintptr_t>(out) % (4 * kWords) == 0;
  }
};

// Rounds and writes `count` of kCount values to consecutive elements.
template <typename Out, int kCount>
HOST_DEVICE void store(Out* out, const float (&value)[kCount], int32_t count) {
  using Parts = Vectors<Out, kCount>;
  if (count == kCount && Parts::divides(out)) {
    UNROLL
    for (int i = 0; i < kCount; i += Parts::kLength) {
      store_words(out + i, Parts::rounded(value + i));
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

// Whether a warp may write its groups together, all values of which follow each other in memory
// over the tile. Never on the host, where a thread runs alone.
template <typename Out, int kCount>
HOST_DEVICE bool are_adjacent([[maybe_unused]] const AugmentParams& params,
                              [[maybe_unused]] Tile tile, [[maybe_unused]] const Out* first) {
#if defined(__CUDA_ARCH__)
  using Parts = Vectors<Out, kGroup * kCount>;
  return Parts::kParts > 1 && params.channels == kCount && params.out_channel_stride == 1 &&
         tile.width % kGroup == 0 && params.out_row_stride == tile.width * kCount &&
         Parts::divides(first);
#else
  return false;
#endif
}

// Writes the values of a warp's groups, `out` of the first lane's. A store of each lane's first 8
// bytes of 24, say, would touch every sector of 32 bytes, as would those of the others: the values
// pass through shared memory, so that lanes write what is adjacent. `staged` is another than that
// of the warp's groups before, of which lanes may still be reading.
template <typename Out, int kCount>
HOST_DEVICE void store_together([[maybe_unused]] Out* out,
                                [[maybe_unused]] const float (&value)[kCount],
                                [[maybe_unused]] int32_t lane, [[maybe_unused]] uint32_t* staged) {
#if defined(__CUDA_ARCH__)
  using Parts = Vectors<Out, kCount>;
  static_assert(Parts::kParts * Parts::kWords * kLanes <= kStagedWords);
  auto* const vectors = reinterpret_cast<Words<Parts::kWords>*>(staged);
  UNROLL
  for (int part = 0; part < Parts::kParts; ++part) {
    vectors[lane * Parts::kParts + part] = Parts::rounded(value + part * Parts::kLength);
  }
  __syncwarp();
  UNROLL
  for (int part = 0; part < Parts::kParts; ++part) {
    const int32_t place = part * kLanes + lane;
    store_words(out + place * Parts::kLength, vectors[place]);
  }
#endif
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
