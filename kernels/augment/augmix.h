// AugMix (Hendrycks et al., 2020): chains of a policy's operations, and the weights of their mix.
// Operations, magnitudes and signs are torchvision's (transforms/v2/_auto_augment.py).
#pragma once

#include "mix.h"
#include "normal.h"
#include "policy.h"

namespace warpmix::augment {

// Blocks of the stream, behind those of the slots: a chain's depth, the own share, and eight for
// each chain's weight.
constexpr uint32_t kDepthBlock = 16;
constexpr uint32_t kShareBlock = 32;
constexpr uint32_t kGammaBlock = 48;
constexpr uint32_t kGammaAttempts = 8;
static_assert(kMaxStages <= kDepthBlock && kGammaBlock + kMaxStages * kGammaAttempts <= 256);

// The logarithm of a Gamma(α, 1) number (Marsaglia & Tsang, "A simple method for generating gamma
// variables", 2000), below α = 1 by way of α + 1. Of eight attempts all fail once in 10^10 draws;
// then it is the most probable number.
HOST_DEVICE float log_gamma_draw(const AugmentParams& params, const Stage& stage, int64_t id,
                                 int32_t chain) {
  const float alpha = stage.augmix.alpha;
  const float d = (alpha < 1.0f ? alpha + 1.0f : alpha) - static_cast<float>(1.0 / 3.0);
  const float c = static_cast<float>(1.0 / 3.0) / sqrtf(d);
  const uint32_t block = kGammaBlock + static_cast<uint32_t>(chain) * kGammaAttempts;
  float log_v = 0.0f;
  float boost = 0.0f;
  for (uint32_t attempt = 0; attempt < kGammaAttempts; ++attempt) {
    const Philox4 words = random_words(params, id, stage.stream, block + attempt);
    if (attempt == 0 && alpha < 1.0f) {
      boost = fixed_log(uniform_open_closed(words.word[3])) / alpha;
    }
    const float x = standard_normal(words.word[0], words.word[1], false);
    const float root = 1.0f + c * x;
    if (root <= 0.0f) {
      continue;
    }
    const float v = root * root * root;
    const float log_of_v = fixed_log(v);
    const float bound = 0.5f * (x * x) + (d - d * v + d * log_of_v);
    if (fixed_log(uniform_open_closed(words.word[2])) < bound) {
      log_v = log_of_v;
      break;
    }
  }
  return fixed_log(d) + log_v + boost;
}

// The sample's own share of the mix: Beta(α, α).
HOST_DEVICE float own_share(const AugmentParams& params, const Stage& stage, int64_t id) {
  const Philox4 words = random_words(params, id, stage.stream, kShareBlock);
  return symmetric_beta(words.word[0], words.word[1], 1.0f / stage.augmix.alpha);
}

// A chain's: what is left of the own one divided by Dirichlet(α, …, α), which are Gammas over their
// sum. `log_weight(i)` is chain i's: from their logarithms they may be as small as they like.
template <typename LogWeight>
HOST_DEVICE float chain_share(float own, int32_t chain, int32_t chains,
                              const LogWeight& log_weight) {
  const float of_chain = log_weight(chain);
  float sum = 0.0f;
  for (int32_t i = 0; i < chains; ++i) {
    sum = sum + (i == chain ? 1.0f : fixed_exp(log_weight(i) - of_chain));
  }
  return (1.0f - own) / sum;
}

// That of the stage's chain. It draws all chains' weights, 1 to 8 blocks each.
HOST_DEVICE float chain_share(const AugmentParams& params, const Stage& stage, int64_t id,
                              float own) {
  return chain_share(own, stage.augmix.chain, stage.augmix.chains,
                     [&](int32_t chain) { return log_gamma_draw(params, stage, id, chain); });
}

// Without the shares, which a chain has once. `words` of the slot's own block.
HOST_DEVICE AugMixDraw draw_link(const AugmentParams& params, const Stage& stage, int64_t id,
                                 Philox4 words) {
  const AugMixStage& augmix = stage.augmix;
  int32_t depth = augmix.slots;
  if (augmix.draws_depth != 0) {
    const uint32_t block = kDepthBlock + static_cast<uint32_t>(augmix.chain);
    depth = 1 + uniform_below(random_words(params, id, stage.stream, block).word[0], depth);
  }
  if (augmix.slot >= depth) {
    return {PolicyOp::kIdentity, 0.0f, 0.0f, 0.0f, depth};
  }
  constexpr int32_t kBeforeBrightness = static_cast<int32_t>(PolicyOp::kRotate);
  constexpr int32_t kColors = 4;  // Brightness to Sharpness, which are not all operations
  const int32_t chosen = 1 + uniform_below(words.word[1], augmix.all_ops != 0 ? 13 : 9);
  const bool skips = augmix.all_ops == 0 && chosen > kBeforeBrightness;
  const PolicyOp operation = static_cast<PolicyOp>(skips ? chosen + kColors : chosen);
  const Magnitudes magnitudes = {Space::kMixed, 10, augmix.max_x, augmix.max_y};
  const int32_t bin = uniform_below(words.word[2], augmix.severity);
  const float magnitude = signed_magnitude(magnitudes, operation, bin, words.word[3]);
  return {operation, magnitude, 0.0f, 0.0f, depth};
}

// With them, to keep.
HOST_DEVICE AugMixDraw draw_augmix(const AugmentParams& params, const Stage& stage, int64_t id,
                                   Philox4 words) {
  AugMixDraw draw = draw_link(params, stage, id, words);
  draw.own = own_share(params, stage, id);
  draw.share = chain_share(params, stage, id, draw.own);
  return draw;
}

// The mix so far, with a chain's result. T: float, or on the CPU a vector of them.
template <typename T>
HOST_DEVICE T with_chain(T mix, float share, T value) {
  return mix + share * value;
}

}  // namespace warpmix::augment
