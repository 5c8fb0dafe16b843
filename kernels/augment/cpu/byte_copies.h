// Copies of bytes from the rows of a source image: what gather.h is made of.
#pragma once

#include "../../float16.h"
#include "../../simd.h"
#include "../whole_pixels.h"

namespace warpmix::augment {

// A pixel of three adjacent bytes in the low bytes of a word. The fourth is read with them, but not
// past the image's last: its last four bytes begin at `last_word`.
HOST_DEVICE uint32_t rgb_word(const uint8_t* image, int32_t offset, int32_t last_word) {
  const bool is_last = offset > last_word;
  uint32_t word;
  std::memcpy(&word, image + (is_last ? last_word : offset), sizeof word);
  return is_last ? word >> 8 : word;
}

// The same `bytes` of some rows of an image, from `first` on; rows are kOutside where they have no
// source.
struct Blocks {
  const char* first;
  const int32_t* row;
  int64_t row_bytes;
  int32_t rows;
  int64_t bytes;

  // Of row y; null where it has none.
  HOST_DEVICE const uint8_t* source(int32_t y) const {
    return row[y] == kOutside ? nullptr
                              : reinterpret_cast<const uint8_t*>(first) + row[y] * row_bytes;
  }
};

// Bytes that are loaded and stored at once wherever they lie; of memcpy of 32 GCC makes two halves.
template <int kBytes>
struct Word {
  typedef char type __attribute__((vector_size(kBytes), aligned(1), may_alias));
};

// In kWords words of kWord bytes, the last of which overlaps the one before:
// (kWords - 1) * kWord < bytes <= kWords * kWord, and kWord <= bytes.
template <int kWord, int kWords>
HOST_DEVICE void copy_words(const Blocks& all, char* out, int64_t stride) {
  using Bytes = typename Word<kWord>::type;
  const Blocks blocks = all;  // a copy that no store reaches
  const int64_t bytes = blocks.bytes;
  for (int32_t y = 0; y < blocks.rows; ++y, out += stride) {
    if (blocks.row[y] == kOutside) {
      continue;
    }
    const char* from = blocks.first + blocks.row[y] * blocks.row_bytes;
    for (int word = 0; word < kWords; ++word) {
      const int64_t at = word + 1 < kWords ? word * kWord : bytes - kWord;
      *reinterpret_cast<Bytes*>(out + at) = *reinterpret_cast<const Bytes*>(from + at);
    }
  }
}

namespace {

// To `out`, `stride` bytes apart. A row's few dozen bytes are less work than memcpy's call; their
// number is looked at once for all rows.
WARPMIX_SIMD_CLONES void copy_blocks(const Blocks& blocks, char* out, int64_t stride) {
  const int64_t bytes = blocks.bytes;
  switch ((bytes + 31) / 32) {
    case 0:
      return;
    case 1:
      break;
    case 2:
      return copy_words<32, 2>(blocks, out, stride);
    case 3:
      return copy_words<32, 3>(blocks, out, stride);
    case 4:
      return copy_words<32, 4>(blocks, out, stride);
    default:
      for (int32_t y = 0; y < blocks.rows; ++y, out += stride) {
        if (blocks.row[y] != kOutside) {
          std::memcpy(out, blocks.first + blocks.row[y] * blocks.row_bytes, bytes);
        }
      }
      return;
  }
  if (bytes >= 16) {
    copy_words<16, 2>(blocks, out, stride);
  } else if (bytes >= 8) {
    copy_words<8, 2>(blocks, out, stride);
  } else if (bytes >= 4) {
    copy_words<4, 2>(blocks, out, stride);
  } else if (bytes >= 2) {
    copy_words<2, 2>(blocks, out, stride);
  } else {
    copy_words<1, 1>(blocks, out, stride);
  }
}

// Three interleaved channels to three planes `plane` apart, and back.
#define WARPMIX_ORDERS(T)                                                                         \
  WARPMIX_SIMD_CLONES void split_pixels(const T* __restrict in, T* __restrict out, int64_t plane, \
                                        int32_t count) {                                          \
    for (int32_t i = 0; i < count; ++i) {                                                         \
      out[i] = in[3 * i];                                                                         \
      out[plane + i] = in[3 * i + 1];                                                             \
      out[2 * plane + i] = in[3 * i + 2];                                                         \
    }                                                                                             \
  }                                                                                               \
  WARPMIX_SIMD_CLONES void join_pixels(const T* __restrict in, int64_t plane, T* __restrict out,  \
                                       int32_t count) {                                           \
    for (int32_t i = 0; i < count; ++i) {                                                         \
      out[3 * i] = in[i];                                                                         \
      out[3 * i + 1] = in[plane + i];                                                             \
      out[3 * i + 2] = in[2 * plane + i];                                                         \
    }                                                                                             \
  }
WARPMIX_ORDERS(uint8_t)
WARPMIX_ORDERS(float)
WARPMIX_ORDERS(Half)
WARPMIX_ORDERS(BFloat16)
#undef WARPMIX_ORDERS

// Pixels of `channels` adjacent values, the last one first.
template <typename T>
HOST_DEVICE void mirror_pixels(const T* in, int32_t channels, int32_t count, T* out) {
  for (int32_t i = 0; i < count; ++i) {
    for (int32_t c = 0; c < channels; ++c) {
      out[i * channels + c] = in[(count - 1 - i) * channels + c];
    }
  }
}

// Each row by itself, 16 bytes at a time, of which the first whole pixels count: what a store
// writes before them, the next one overwrites. Upwards through the source, which is in no cache
// yet: no processor runs ahead of a loop that reads it downwards, and that took six times as long.
WARPMIX_SIMD_CLONES void mirror_rows(const Blocks& blocks, int32_t channels, uint8_t* out,
                                     int64_t stride) {
  constexpr int32_t kBytes = 16;
  using Bytes = Word<kBytes>::type;
  const int32_t pixels = kBytes / channels;
  Bytes order;
  for (int32_t i = 0; i < kBytes; ++i) {
    const int32_t from_end = kBytes - 1 - i;
    const int32_t pixel = min_of(from_end / channels, pixels - 1);
    order[i] = static_cast<char>(pixel * channels + (channels - 1 - from_end % channels));
  }
  for (int32_t y = 0; y < blocks.rows; ++y, out += stride) {
    const uint8_t* in = blocks.source(y);
    if (in == nullptr) {
      continue;
    }
    int32_t bytes = static_cast<int32_t>(blocks.bytes);
    for (; bytes >= kBytes; bytes -= pixels * channels, in += pixels * channels) {
      const Bytes first = *reinterpret_cast<const Bytes*>(in);
      *reinterpret_cast<Bytes*>(out + bytes - kBytes) = __builtin_shuffle(first, order);
    }
    mirror_pixels(in, channels, bytes / channels, out);
  }
}

template <typename T>
void mirror_rows(const Blocks& blocks, int32_t channels, T* out, int64_t stride) {
  const int32_t count = static_cast<int32_t>(blocks.bytes / sizeof(T)) / channels;
  for (int32_t y = 0; y < blocks.rows; ++y, out += stride) {
    if (const uint8_t* in = blocks.source(y)) {
      mirror_pixels(reinterpret_cast<const T*>(in), channels, count, out);
    }
  }
}

}  // namespace

}  // namespace warpmix::augment
