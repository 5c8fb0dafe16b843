// Mixes: what they draw, which of them applies to a sample, and what that means for a pixel.
#pragma once

#include "../fixed_math.h"
#include "random.h"

namespace warpmix::augment {

// ---- draws --------------------------------------------------------------------------------------

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

// CutMix's box as torchvision draws it: half sides truncated, centre uniform, clipped.
HOST_DEVICE CutMixDraw draw_cut(const Stage& stage, Philox4 words, float lam) {
  const int32_t width = stage.width;
  const int32_t height = stage.height;
  const float ratio = 0.5f * sqrtf(1.0f - lam);
  const int32_t half_width = static_cast<int32_t>(ratio * static_cast<float>(width));
  const int32_t half_height = static_cast<int32_t>(ratio * static_cast<float>(height));
  const int32_t x = uniform_below(words.word[0], width);
  const int32_t y = uniform_below(words.word[1], height);
  const Box box = {max_of(x - half_width, 0), max_of(y - half_height, 0),
                   min_of(x + half_width, width), min_of(y + half_height, height)};
  const int32_t cut = (box.x1 - box.x0) * (box.y1 - box.y0);
  return {box, static_cast<float>(width * height - cut) / static_cast<float>(width * height)};
}

// Row of the images, or position in the batch (see from_batch).
HOST_DEVICE int32_t draw_partner(const AugmentParams& params, Philox4 words) {
  return uniform_below(words.word[3], params.from_batch ? params.batch_size : params.image_count);
}

HOST_DEVICE void draw_mix(const AugmentParams& params, const Stage& stage, int64_t id,
                          Philox4 words, StageDraw& draw) {
  const float lam = symmetric_beta(words.word[1], words.word[2], stage.mix.inverse_alpha);
  draw.partner = draw_partner(params, words);
  switch (stage.kind) {
    case Kind::kCutMix:
      draw.cutmix = draw_cut(stage, random_words(params, id, stage.stream, 1), lam);
      return;
    case Kind::kMixUp:
      draw.mixup.lam = lam;
      return;
    default:
      unknown_kind();
  }
}

// ---- meaning ------------------------------------------------------------------------------------

// The mix stage that applies to a sample with these draws, or -1.
HOST_DEVICE int32_t applied_mix(const Program& program, const StageDraw* draws) {
  for (int32_t i = program.mix_begin; i < program.mix_end; ++i) {
    if (draws[i].on) {
      return i;
    }
  }
  return -1;
}

// How many images a sample is made of at most: its own (side 0) and its partner's (side 1).
HOST_DEVICE int32_t sides(const Program& program) {
  return program.mix_begin < program.mix_end ? 2 : 1;
}

enum class Mix : int32_t { kNone, kCut, kBlend };

struct Mixing {
  Mix mix;
  Box box;    // kCut: the partner's pixels
  float lam;  // own share
};

HOST_DEVICE Mixing resolve_mixing(const Program& program, const StageDraw* draws) {
  const int32_t index = applied_mix(program, draws);
  if (index < 0) {
    return {Mix::kNone, {0, 0, 0, 0}, 1.0f};
  }
  const StageDraw& draw = draws[index];
  switch (program.stages[index].kind) {
    case Kind::kCutMix:
      return {Mix::kCut, draw.cutmix.box, draw.cutmix.lam};
    case Kind::kMixUp:
      return {Mix::kBlend, {0, 0, 0, 0}, draw.mixup.lam};
    default:
      unknown_kind();
  }
  return {};
}

// T: float, or on the CPU a vector of them. Two products and a sum can round past 255 by an ulp;
// the clip keeps every stage's range (see Program::clips).
template <typename T>
HOST_DEVICE T blend(T own, T partner, float lam, bool clips = true) {
  const T blended = own * lam + partner * (1.0f - lam);
  return clips ? at_most(blended, 255.0f) : blended;
}

}  // namespace warpmix::augment
