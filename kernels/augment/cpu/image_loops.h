// The CPU's loops over whole images as planes of floats: their statistics, and what operations do
// to them. The arithmetic is whole_image.h's.
#pragma once

#include <vector>

#include "../whole_image.h"
#include "plane_loops.h"

namespace warpmix::augment {

namespace {

// ---- draws --------------------------------------------------------------------------------------

// Shares of a mix's chains, of which each weight is drawn once. Returns the sample's own.
WARPMIX_SIMD_CLONES float draw_shares(const AugmentParams& params, const Stage& stage, int64_t id,
                                      float* shares) {
  const int32_t chains = stage.augmix.chains;
  float log_weights[kMaxStages];
  for (int32_t chain = 0; chain < chains; ++chain) {
    log_weights[chain] = log_gamma_draw(params, stage, id, chain);
  }
  const float own = own_share(params, stage, id);
  for (int32_t chain = 0; chain < chains; ++chain) {
    shares[chain] = chain_share(own, chain, chains, [&](int32_t i) { return log_weights[i]; });
  }
  return own;
}

// ---- statistics ---------------------------------------------------------------------------------

struct Extremes {
  float lowest;
  float highest;
};

WARPMIX_SIMD_CLONES Extremes extremes_of(const float* plane, int32_t count) {
  float lowest = plane[0];
  float highest = plane[0];
  for (int32_t i = 1; i < count; ++i) {
    lowest = plane[i] < lowest ? plane[i] : lowest;
    highest = plane[i] > highest ? plane[i] : highest;
  }
  return {lowest, highest};
}

WARPMIX_SIMD_CLONES void find_levels(const float* __restrict plane, int32_t count,
                                     uint8_t* __restrict level) {
  for (int32_t i = 0; i < count; ++i) {
    level[i] = static_cast<uint8_t>(level_of(plane[i]));
  }
}

// What each level becomes.
void equalize_levels(const uint8_t* level, int32_t count, float* becomes) {
  // Equal values side by side do not wait for each other's sums.
  constexpr int32_t kBands = 4;
  int32_t histogram[kBands][kLevels] = {};
  int32_t i = 0;
  for (; i + kBands <= count; i += kBands) {
    for (int32_t band = 0; band < kBands; ++band) {
      ++histogram[band][level[i + band]];
    }
  }
  for (; i < count; ++i) {
    ++histogram[0][level[i]];
  }
  int32_t highest = 0;
  for (int32_t l = 0; l < kLevels; ++l) {
    for (int32_t band = 1; band < kBands; ++band) {
      histogram[0][l] += histogram[band][l];
    }
    highest = histogram[0][l] > 0 ? histogram[0][l] : highest;
  }
  const int32_t step = equalizing_step(count, highest);
  int32_t below = 0;
  for (int32_t l = 0; l < kLevels; ++l) {
    becomes[l] = static_cast<float>(equalized(l, below, step));
    below += histogram[0][l];
  }
}

// ---- pixels -------------------------------------------------------------------------------------

WARPMIX_SIMD_CLONES void stretch_plane(float* plane, int32_t count, const Stretch& stretch) {
  const Stretch own = stretch;  // a copy that no store reaches
  for (int32_t i = 0; i < count; ++i) {
    plane[i] = own(plane[i]);
  }
}

WARPMIX_SIMD_CLONES void solarize_add_plane(float* plane, int32_t count, float addend) {
  for (int32_t i = 0; i < count; ++i) {
    plane[i] = solarize_add(plane[i], addend);
  }
}

void replace_levels(const uint8_t* __restrict level, int32_t count, const float* __restrict becomes,
                    float* __restrict plane) {
  for (int32_t i = 0; i < count; ++i) {
    plane[i] = becomes[level[i]];
  }
}

// A row but for its first and last pixel, of rows as they enter.
WARPMIX_SIMD_CLONES void sharpen_row(const float* __restrict above, const float* __restrict own,
                                     const float* __restrict below, int32_t width, float factor,
                                     float* __restrict out) {
  for (int32_t x = 1; x < width - 1; ++x) {
    const float upper[3] = {above[x - 1], above[x], above[x + 1]};
    const float lower[3] = {below[x - 1], below[x], below[x + 1]};
    out[x] = sharpened(own[x], upper, own[x - 1], own[x + 1], lower, factor);
  }
}

// The weights of a blur's window along one axis, of distances 0 to `radius`.
void set_window(int32_t radius, float sigma, std::vector<float>& weights) {
  weights.resize(radius + 1);
  for (int32_t i = 0; i <= radius; ++i) {
    weights[i] = gaussian(i, sigma);
  }
  const float sum = window_sum(weights.data(), radius);
  for (float& weight : weights) {
    weight = weight / sum;
  }
}

WARPMIX_SIMD_CLONES void start_sums(const float* __restrict values, float weight, int32_t count,
                                    float* __restrict sums) {
  for (int32_t i = 0; i < count; ++i) {
    sums[i] = weight * values[i];
  }
}

WARPMIX_SIMD_CLONES void add_pairs(const float* __restrict before, const float* __restrict after,
                                   float weight, int32_t count, float* __restrict sums) {
  for (int32_t i = 0; i < count; ++i) {
    sums[i] = with_pair(sums[i], weight, before[i], after[i]);
  }
}

WARPMIX_SIMD_CLONES void end_sums(int32_t count, float* __restrict sums) {
  for (int32_t i = 0; i < count; ++i) {
    sums[i] = window_result(sums[i]);
  }
}

}  // namespace

}  // namespace warpmix::augment
