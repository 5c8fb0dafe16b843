// Words of pixels.
#pragma once

#include "../../words.h"

namespace warpmix::augment {

// 8 bytes from an address that divides by 8.
HOST_DEVICE Words<2> load_pair(uintptr_t address) {
  Words<2> words;
#if defined(__CUDA_ARCH__)
  const uint2 loaded = __ldg(reinterpret_cast<const uint2*>(address));
  words.word[0] = loaded.x;
  words.word[1] = loaded.y;
#else
  memcpy(&words, reinterpret_cast<const void*>(address), sizeof words);
#endif
  return words;
}

// 32 of the 64 bits high:low, from bit `shift` modulo 32 on.
HOST_DEVICE uint32_t shifted_word(uint32_t low, uint32_t high, uint32_t shift) {
#if defined(__CUDA_ARCH__)
  return __funnelshift_r(low, high, shift);
#else
  return static_cast<uint32_t>((uint64_t{high} << 32 | low) >> shift % 32u);
#endif
}

// Two adjacent pixels of three bytes, each in the lowest bytes of a word. Read as the 8 bytes that
// divide by 8 and hold the first byte, and those that hold the last: a warp's loads touch a third
// of the lines of the cache that six loads of a byte do.
struct PixelPair {
  uint32_t first, second;

  HOST_DEVICE explicit PixelPair(const uint8_t* pixels) {
    const uintptr_t address = reinterpret_cast<uintptr_t>(pixels);
    const Words<2> begin = load_pair(address & ~uintptr_t{7});
    const Words<2> end = load_pair((address + 5) & ~uintptr_t{7});
    const bool is_late = (address & 4) != 0;
    const uint32_t shift = static_cast<uint32_t>(address) * 8;
    const uint32_t middle = is_late ? end.word[0] : begin.word[1];
    first = shifted_word(is_late ? begin.word[1] : begin.word[0], middle, shift);
    second =
        shifted_word(first, shifted_word(middle, is_late ? end.word[1] : end.word[0], shift), 24);
  }
};

// Byte i of a word. On the device as the low bits of 2^23 as a float, which are its whole numbers:
// an instruction for each of the two pipes instead of three.
HOST_DEVICE float byte_value(uint32_t word, uint32_t i) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(__byte_perm(word, 0x4B000000u, 0x7650u + i)) - 8388608.0f;
#else
  return static_cast<float>(word >> 8 * i & 0xFFu);
#endif
}

}  // namespace warpmix::augment
