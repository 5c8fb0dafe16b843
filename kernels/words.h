// Words that are read and written in one instruction.
#pragma once

#include "host_device.h"

namespace warpmix {

template <int kWords>
struct alignas(4 * kWords) Words {
  uint32_t word[kWords];
};

// 16 bytes from an address that divides by 16.
HOST_DEVICE Words<4> load_words(const void* address) {
  Words<4> words;
#if defined(__CUDA_ARCH__)
  const uint4 loaded = __ldg(static_cast<const uint4*>(address));
  words.word[0] = loaded.x;
  words.word[1] = loaded.y;
  words.word[2] = loaded.z;
  words.word[3] = loaded.w;
#else
  memcpy(&words, address, sizeof words);
#endif
  return words;
}

// 16 bytes to shared memory, at an address that divides by 16.
HOST_DEVICE void put_words(void* address, const Words<4>& words) {
#if defined(__CUDA_ARCH__)
  *static_cast<uint4*>(address) =
      make_uint4(words.word[0], words.word[1], words.word[2], words.word[3]);
#else
  memcpy(address, &words, sizeof words);
#endif
}

}  // namespace warpmix
