// Normal numbers of pixels: a key's own for each pixel and channel, whoever asks and in which
// order.
#pragma once

#include "../fixed_math.h"
#include "../philox.h"

namespace warpmix::augment {

// Standard normal (Box & Muller, 1958): two words make two of them, by the cosine and by the sine.
// Words of 24 bits reach 5.77 on either side.
HOST_DEVICE float standard_normal(uint32_t radius_word, uint32_t angle_word, bool by_sine) {
  const float radius = sqrtf(-2.0f * fixed_log(uniform_open_closed(radius_word)));
  const SinCos angle = fixed_sincos_turns(uniform_closed_open(angle_word));
  return radius * (by_sine ? angle.sin : angle.cos);
}

// Of the words of channels 4 · (channel / 4) to 3 more of a pixel, which is number `pixel` of its
// image.
HOST_DEVICE Philox4 normal_counter(int32_t pixel, int32_t channel) {
  return {{static_cast<uint32_t>(pixel), static_cast<uint32_t>(channel / 4), 0, 0}};
}

// Of kCount channels from `channel` on: all of an image's three, or any one.
template <int kCount>
HOST_DEVICE void pixel_normals(uint64_t key, int32_t pixel, int32_t channel,
                               float (&value)[kCount]) {
  const Philox4 words = philox(normal_counter(pixel, channel), key);
  if constexpr (kCount == 3) {
    value[0] = standard_normal(words.word[0], words.word[1], false);
    value[1] = standard_normal(words.word[0], words.word[1], true);
    value[2] = standard_normal(words.word[2], words.word[3], false);
  } else {
    static_assert(kCount == 1);
    const bool second = channel % 4 >= 2;  // values are chosen: of an index nvcc makes local memory
    value[0] = standard_normal(second ? words.word[2] : words.word[0],
                               second ? words.word[3] : words.word[1], channel % 2 == 1);
  }
}

}  // namespace warpmix::augment
