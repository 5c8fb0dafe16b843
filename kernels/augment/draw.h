// One sample's random parameters: (seed, epoch, id, stage) to a StageDraw.
#pragma once

#include "boxes.h"

namespace warpmix::augment {

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

HOST_DEVICE StageDraw no_draw() { return {0, 0, {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f}}; }

HOST_DEVICE void draw_affine(const Stage& stage, Philox4 words, Philox4 more, StageDraw& draw) {
  const float* number = stage.number;
  draw.number[0] = uniform_between(words.word[1], number[0], number[1]);
  draw.number[1] = rintf(uniform_between(words.word[2], -1.0f, 2.0f) * number[2]);
  draw.number[2] = rintf(uniform_between(words.word[3], -1.0f, 2.0f) * number[3]);
  draw.number[3] = uniform_between(more.word[0], number[4], number[5]);
  draw.number[4] = uniform_between(more.word[1], number[6], number[7]);
  draw.number[5] = uniform_between(more.word[2], number[8], number[9]);
}

// Chen et al. (2020): squares of side period - kept, `period` apart.
HOST_DEVICE void draw_grid(const Stage& stage, Philox4 words, StageDraw& draw) {
  const int32_t period = static_cast<int32_t>(stage.number[0]) +
                         uniform_below(words.word[1], static_cast<int32_t>(stage.number[1]));
  const int32_t kept = static_cast<int32_t>(rintf(static_cast<float>(period) * stage.number[2]));
  draw.number[0] = static_cast<float>(uniform_below(words.word[2], period));
  draw.number[1] = static_cast<float>(uniform_below(words.word[3], period));
  draw.number[2] = static_cast<float>(period);
  draw.number[3] = static_cast<float>(period - min_of(max_of(kept, 1), period - 1));
}

HOST_DEVICE bool resizes(const Stage& stage) {
  return stage.kind == Kind::kResizedCrop && (stage.number[4] != static_cast<float>(stage.width) ||
                                              stage.number[5] != static_cast<float>(stage.height));
}

// Kinds that no simple program has (see Program) and that take more than a line.
HOST_DEVICE void draw_general(const AugmentParams& params, const Stage& stage, int64_t id,
                              Philox4 words, StageDraw& draw) {
  switch (stage.kind) {
    case Kind::kAffine:
      return draw_affine(stage, words, random_words(params, id, stage.stream, 1), draw);
    case Kind::kResizedCrop:
      if (!draw_fitting_box(params, stage, id, draw)) {
        put_box(draw, central_box(stage));
      }
      return;
    case Kind::kErasing:  // no box fits: an empty one
      draw_fitting_box(params, stage, id, draw);
      return;
    case Kind::kCutout:
      return put_box(draw, draw_cutout(stage, words));
    case Kind::kGridMask:
      return draw_grid(stage, words, draw);
    default:
      return;
  }
}

// kSimple: of a program that is_simple. 16 of the 27 kernels are for those alone; without the other
// kinds in them nvcc takes 75 s an architecture and not 88.
template <bool kSimple>
HOST_DEVICE StageDraw draw_stage(const AugmentParams& params, int32_t index, Sample sample) {
  const Stage& stage = params.program.stages[index];
  StageDraw draw = no_draw();
  Philox4 words = random_words(params, sample.id, stage.stream, 0);
  if (!stage_applies(params, stage, sample, words.word[0])) {
    if (!kSimple && resizes(stage)) {  // all results of a launch have one size
      draw.on = 1;
      put_box(draw, {0, 0, stage.width, stage.height});
    }
    return draw;
  }
  draw.on = 1;
  if (stage.block != 0) {
    words = random_words(params, sample.id, stage.stream, static_cast<uint32_t>(stage.block));
  }
  const float* number = stage.number;
  switch (stage.kind) {
    case Kind::kShift: {
      const int32_t x = static_cast<int32_t>(number[0]);  // the largest shifts, pixels
      const int32_t y = static_cast<int32_t>(number[1]);
      draw.number[0] = static_cast<float>(uniform_below(words.word[1], 2 * x + 1) - x);
      draw.number[1] = static_cast<float>(uniform_below(words.word[2], 2 * y + 1) - y);
      break;
    }
    case Kind::kHorizontalFlip:
    case Kind::kVerticalFlip:
      break;
    case Kind::kContrast:
    case Kind::kBrightness:
    case Kind::kSaturation:
    case Kind::kHue:
      draw.number[0] = uniform_between(words.word[1], number[0], number[1]);
      break;
    case Kind::kCropBlackout:  // the widest borders, pixels
      draw.number[0] =
          static_cast<float>(uniform_below(words.word[1], static_cast<int32_t>(number[0]) + 1));
      draw.number[1] =
          static_cast<float>(uniform_below(words.word[2], static_cast<int32_t>(number[1]) + 1));
      break;
    case Kind::kCutMix:
    case Kind::kMixUp: {
      const float lam = symmetric_beta(words.word[1], words.word[2], number[0]);
      draw.partner =
          uniform_below(words.word[3], params.from_batch ? params.batch_size : params.image_count);
      if (stage.kind == Kind::kCutMix) {
        draw_cut(stage, random_words(params, sample.id, stage.stream, 1), lam, draw);
      } else {
        draw.number[0] = lam;
      }
      break;
    }
    default:
      if constexpr (!kSimple) {
        draw_general(params, stage, sample.id, words, draw);
      }
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
template <bool kSimple>
HOST_DEVICE StageDraw obtain_draw(const AugmentParams& params, int32_t position, int32_t side,
                                  int32_t index, Sample sample) {
  if (!params.draws) {
    return draw_stage<kSimple>(params, index, sample);
  }
  const int64_t slot =
      (static_cast<int64_t>(position) * sides(params.program) + side) * params.program.count +
      index;
  return reinterpret_cast<const StageDraw*>(params.draws)[slot];
}

// A sample and its mix partner, which is itself without a mix.
struct SampleDraws {
  Sample own;
  Sample partner;
};

// Every draw of the sample at `position` (side 0) and those of its partner up to the mix (side 1).
template <bool kSimple>
HOST_DEVICE SampleDraws draw_sample(const AugmentParams& params, int32_t position,
                                    StageDraw (*draws)[kMaxStages]) {
  const Program& program = params.program;
  SampleDraws drawn;
  drawn.own = drawn.partner = batch_sample(params, position);
  for (int32_t i = 0; i < program.count; ++i) {
    draws[0][i] = obtain_draw<kSimple>(params, position, 0, i, drawn.own);
  }
  const int32_t mix = applied_mix(program, draws[0]);
  if (mix >= 0) {
    drawn.partner = partner_sample(params, draws[0][mix].partner);
    for (int32_t i = 0; i < program.mix_begin; ++i) {
      draws[1][i] = obtain_draw<kSimple>(params, position, 1, i, drawn.partner);
    }
  }
  return drawn;
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
  StageDraw draw = no_draw();
  if (side == 0) {
    draw = draw_stage<false>(params, stage, sample);
  } else if (stage < program.mix_begin) {
    for (int32_t i = program.mix_begin; i < program.mix_end; ++i) {
      const StageDraw mix = draw_stage<false>(params, i, sample);
      if (mix.on) {
        draw = draw_stage<false>(params, stage, partner_sample(params, mix.partner));
      }
    }
  }
  reinterpret_cast<StageDraw*>(draws)[slot] = draw;
}

}  // namespace warpmix::augment
