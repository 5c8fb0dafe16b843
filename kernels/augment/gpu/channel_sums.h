// The kernel of channel sums, as a host-device function of the launch coordinates.
#pragma once

#include "../fixed_point.h"

namespace warpmix::augment {

constexpr int kSumThreads = 256;
constexpr int kSumPixels = 16384;  // of one block: a 224×224 image is 4 blocks, a 32×32 one is 1

// Adds every thread's value; a warp's 32 threads, which must all be here, add once.
HOST_DEVICE void add_to(int64_t* sum, int64_t value) {
#if defined(__CUDA_ARCH__)
  for (int distance = 16; distance > 0; distance /= 2) {
    value += __shfl_down_sync(0xFFFFFFFFu, value, distance);
  }
  if (threadIdx.x % 32 == 0) {  // two's complement: unsigned addition is signed addition
    atomicAdd(reinterpret_cast<unsigned long long*>(sum), static_cast<unsigned long long>(value));
  }
#else
  *sum += value;
#endif
}

HOST_DEVICE int32_t sum_blocks_per_image(const SumsParams& params) {
  return ceil_div(params.height * params.width, kSumPixels);
}

HOST_DEVICE int64_t sum_blocks(const SumsParams& params) {
  return static_cast<int64_t>(params.image_count) * sum_blocks_per_image(params);
}

// One thread's part: every kSumThreads-th pixel of its block's share of one image.
template <typename Source>
HOST_DEVICE void sum_body(const SumsParams& params, int32_t block, int32_t thread) {
  const int32_t per_image = sum_blocks_per_image(params);
  const int32_t image = block / per_image;
  const int32_t first = (block - image * per_image) * kSumPixels;
  const int32_t last = min_of(first + kSumPixels, params.height * params.width);
  const Source* pixels = static_cast<const Source*>(params.images) + image * params.image_stride;
  for (int32_t c = 0; c < params.channels; ++c) {
    int64_t sum = 0;
    for (int32_t i = first + thread; i < last; i += kSumThreads) {
      const int32_t y = i / params.width;
      const int32_t x = i - y * params.width;
      sum += fixed_point(
          pixels[y * params.row_stride + x * params.pixel_stride + c * params.channel_stride]);
    }
    add_to(params.sums + static_cast<int64_t>(image) * params.channels + c, sum);
  }
}

}  // namespace warpmix::augment
