// Words that are read and written in one instruction.
#pragma once

#include "../../host_device.h"

namespace warpmix::augment {

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

}  // namespace warpmix::augment
