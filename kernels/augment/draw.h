// One sample's random parameters: (seed, epoch, id, stage) to a StageDraw.
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

// CutMix's box as torchvision draws it: half sides truncated, centre uniform, clipped.
HOST_DEVICE void draw_cut(StageDraw& draw, Philox4 words, float lam, int32_t width,
                          int32_t height) {
  const float ratio = 0.5f * sqrtf(1.0f - lam);
  const int32_t half_width = static_cast<int32_t>(ratio * static_cast<float>(width));
  const int32_t half_height = static_cast<int32_t>(ratio * static_cast<float>(height));
  const int32_t x = uniform_below(words.word[0], width);
  const int32_t y = uniform_below(words.word[1], height);
  draw.box[0] = max_of(x - half_width, 0);
  draw.box[1] = max_of(y - half_height, 0);
  draw.box[2] = min_of(x + half_width, width);
  draw.box[3] = min_of(y + half_height, height);
  const int32_t cut = (draw.box[2] - draw.box[0]) * (draw.box[3] - draw.box[1]);
  draw.value = static_cast<float>(width * height - cut) / static_cast<float>(width * height);
}

// ---- one stage of one sample --------------------------------------------------------------------

HOST_DEVICE bool stage_applies(const AugmentParams& params, const Stage& stage, Sample sample,
                               uint32_t own_word) {
  const float pipeline_p = params.program.p;
  if (!sample.active || !(uniform_closed_open(own_word) < stage.p)) {
    return false;
  }
  if (pipeline_p < 1.0f &&
      !(uniform_closed_open(random_words(params, sample.id, 0, 0).word[0]) < pipeline_p)) {
    return false;
  }
  if (stage.choice_stream < 0) {
    return true;
  }
  const float u =
      uniform_closed_open(random_words(params, sample.id, stage.choice_stream, 0).word[0]);
  return stage.choice_low <= u && u < stage.choice_high;
}

HOST_DEVICE StageDraw draw_stage(const AugmentParams& params, int32_t index, Sample sample) {
  const Stage& stage = params.program.stages[index];
  StageDraw draw = {0, {0, 0, 0, 0}, 1.0f, 0, 0};
  const Philox4 words = random_words(params, sample.id, stage.stream, 0);
  if (!stage_applies(params, stage, sample, words.word[0])) {
    return draw;
  }
  draw.on = 1;
  switch (stage.kind) {
    case Kind::kShift:
      draw.box[0] = uniform_below(words.word[1], 2 * stage.extent_x + 1) - stage.extent_x;
      draw.box[1] = uniform_below(words.word[2], 2 * stage.extent_y + 1) - stage.extent_y;
      break;
    case Kind::kHorizontalFlip:
    case Kind::kVerticalFlip:
      break;
    case Kind::kContrast:
      draw.value = uniform_closed_open(words.word[1]) * stage.span + stage.low;
      break;
    case Kind::kCropBlackout:
      draw.box[0] = uniform_below(words.word[1], stage.extent_x + 1);
      draw.box[1] = uniform_below(words.word[2], stage.extent_y + 1);
      break;
    case Kind::kCutMix:
    case Kind::kMixUp:
      draw.value = symmetric_beta(words.word[1], words.word[2], stage.low);
      draw.partner =
          uniform_below(words.word[3], params.from_batch ? params.batch_size : params.image_count);
      if (stage.kind == Kind::kCutMix) {
        draw_cut(draw, random_words(params, sample.id, stage.stream, 1), draw.value, params.width,
                 params.height);
      }
      break;
  }
  return draw;
}

// The mix stage that applies to a sample with these draws, or -1.
HOST_DEVICE int32_t applied_mix(const Program& program, const StageDraw* draws) {
  for (int32_t i = program.mix_begin; i < program.mix_end; ++i) {
    if (draws[i].on) {
      return i;
    }
  }
  return -1;
}

HOST_DEVICE int32_t sides(const Program& program) {
  return program.mix_begin < program.mix_end ? 2 : 1;
}

// The draw of stage `index` for the sample at `position` (side 0) or for its partner (side 1).
HOST_DEVICE StageDraw obtain_draw(const AugmentParams& params, int32_t position, int32_t side,
                                  int32_t index, Sample sample) {
  if (!params.draws) {
    return draw_stage(params, index, sample);
  }
  const int64_t slot =
      (static_cast<int64_t>(position) * sides(params.program) + side) * params.program.count +
      index;
  return reinterpret_cast<const StageDraw*>(params.draws)[slot];
}

// ---- draws to keep: the draw op, one slot a (sample, side, stage) -------------------------------

HOST_DEVICE int64_t draw_slots(const AugmentParams& params) {
  return static_cast<int64_t>(params.batch_size) * sides(params.program) * params.program.count;
}

// A partner's slot holds its stages before the mix; the rest of it, and all of it where no mix
// applies, says "off".
HOST_DEVICE void draw_slot(const AugmentParams& params, int64_t slot, int32_t* draws) {
  if (slot >= draw_slots(params)) {
    return;
  }
  const Program& program = params.program;
  const int32_t stage = static_cast<int32_t>(slot % program.count);
  const int64_t image = slot / program.count;
  const int32_t side = static_cast<int32_t>(image % sides(program));
  Sample sample = batch_sample(params, static_cast<int32_t>(image / sides(program)));
  StageDraw draw = {0, {0, 0, 0, 0}, 1.0f, 0, 0};
  if (side == 0) {
    draw = draw_stage(params, stage, sample);
  } else if (stage < program.mix_begin) {
    for (int32_t i = program.mix_begin; i < program.mix_end; ++i) {
      const StageDraw mix = draw_stage(params, i, sample);
      if (mix.on) {
        draw = draw_stage(params, stage, partner_sample(params, mix.partner));
      }
    }
  }
  reinterpret_cast<StageDraw*>(draws)[slot] = draw;
}

}  // namespace warpmix::augment
