// Whose random numbers: samples, their Philox streams, and distributions on the words.
#pragma once

#include "../fixed_math.h"
#include "../philox.h"
#include "params.h"

namespace warpmix::augment {

// ---- streams ------------------------------------------------------------------------------------

struct Sample {
  int32_t row;  // of the images
  int64_t id;   // of the random stream
  bool active;
};

HOST_DEVICE Sample batch_sample(const AugmentParams& params, int32_t position) {
  const int64_t row = params.index ? params.index[position] : position;
  return {static_cast<int32_t>(row), params.ids ? params.ids[position] : row,
          params.active ? params.active[position] : true};
}

// Python checks rows where that costs nothing, on the CPU. A GPU stops here, as torch's own
// indexing does, rather than read somebody else's memory.
HOST_DEVICE void require_row([[maybe_unused]] const AugmentParams& params,
                             [[maybe_unused]] int32_t row) {
#if defined(__CUDA_ARCH__)
  if (row < 0 || row >= params.image_count) {
    __trap();
  }
#endif
}

HOST_DEVICE Sample partner_sample(const AugmentParams& params, int32_t partner) {
  if (params.from_batch) {
    return batch_sample(params, partner);
  }
  return {partner, partner, true};
}

// Counter = (id, epoch, stream and block): nothing of the batch, the device or the launch.
HOST_DEVICE Philox4 random_words(const AugmentParams& params, int64_t id, int32_t stream,
                                 uint32_t block) {
  const uint32_t step = params.step ? static_cast<uint32_t>(*params.step) : 0u;
  const uint64_t bits = static_cast<uint64_t>(id);
  return philox({{static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32),
                  params.epoch + step, static_cast<uint32_t>(stream) << 8 | block}},
                params.seed);
}

// ---- distributions ------------------------------------------------------------------------------

// Symmetric Beta(α, α) from two uniforms, without rejection, for every α > 0: with
// T = sqrt(2α (U^(-1/α) - 1)) cos(2πV) Student-t of 2α degrees of freedom (Bailey, 1994),
// 1/2 + T / (2 sqrt(2α + T²)) is Beta(α, α) (Devroye, "Random variate generation in one line of
// code", 1996). Written with g = U^(1/α) so that nothing overflows as α → 0.
HOST_DEVICE float symmetric_beta(uint32_t word_u, uint32_t word_v, float inverse_alpha) {
  const float g = fixed_exp(fixed_log(uniform_open_closed(word_u)) * inverse_alpha);
  const float c = fixed_cos_turns(uniform_closed_open(word_v));
  const float q = (1.0f - g) * c * c;
  const float half = 0.5f * sqrtf(q / (g + q));
  return c < 0.0f ? 0.5f - half : 0.5f + half;
}

HOST_DEVICE float uniform_between(uint32_t word, float low, float span) {
  return uniform_closed_open(word) * span + low;
}

}  // namespace warpmix::augment
