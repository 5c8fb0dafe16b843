// One sample's random parameters: (seed, epoch, id, stage) to a StageDraw.
#pragma once

#include "color.h"
#include "geometry.h"
#include "mix.h"
#include "occlusion.h"
#include "source_image.h"
#include "whole_image.h"
#include "whole_pixels.h"

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

// Keeps with a draw the size of the image that enters its stage, where that is the sample's own: of
// the image itself, never of a draw that is replayed.
template <bool kSimple>
HOST_DEVICE void set_entering(const AugmentParams& params, int32_t index, int32_t row,
                              StageDraw& draw) {
  if constexpr (!kSimple) {
    if (params.program.stages[index].width == 0) {
      draw.entering.extent = mixed_extent(params.program, index, source_image(params, row).extent);
    }
  }
}

// What the stage draws for a sample that it applies to.
template <bool kSimple>
HOST_DEVICE void draw_numbers(const AugmentParams& params, const Stage& stage, int64_t id,
                              Philox4 words, StageDraw& draw) {
  switch (stage.section) {
    case Section::kGeometry:
      return draw_geometry<kSimple>(params, stage, id, words, draw);
    case Section::kColor:
      return draw_color(stage, words, draw);
    case Section::kOcclusion:
      return draw_occlusion<kSimple>(params, stage, id, words, draw);
    case Section::kMix:
      return draw_mix(params, stage, id, words, draw);
    case Section::kWholeImage:
      if constexpr (!kSimple) {
        draw_whole_image(params, stage, id, words, draw);
      }
      return;
  }
}

// A flip that mirrors a sample in the odd epochs or in the even ones (Jordan, 2024): which ones is
// drawn once, with epoch 0.
HOST_DEVICE bool alternates(const Stage& stage) {
  return stage.kind == Kind::kHorizontalFlip && stage.flip.alternates != 0;
}

// The words that a stage's numbers come from, unless it does not apply to the sample.
HOST_DEVICE bool applied_words(const AugmentParams& params, const Stage& stage, Sample sample,
                               Philox4& words) {
  const uint32_t epoch = epoch_of(params);
  const bool is_fixed = alternates(stage);
  words = words_of_epoch(params, sample.id, is_fixed ? 0 : epoch, stage.stream, 0);
  if (!stage_applies(params, stage, sample, words.word[0]) ||
      (is_fixed && (words.word[1] >> 31 ^ (epoch & 1u)) == 0)) {
    return false;
  }
  if (stage.block != 0) {
    words = random_words(params, sample.id, stage.stream, static_cast<uint32_t>(stage.block));
  }
  return true;
}

// kSimple: of a program that is_simple. 16 of the 37 kernels are for those alone; without the other
// kinds in them nvcc takes 75 s an architecture and not 88.
template <bool kSimple>
HOST_DEVICE StageDraw draw_stage(const AugmentParams& params, int32_t index, Sample sample) {
  const Stage& stage = params.program.stages[index];
  StageDraw draw = {};
  set_entering<kSimple>(params, index, sample.row, draw);
  Philox4 words;
  if (!applied_words(params, stage, sample, words)) {
    draw_unapplied<kSimple>(stage, draw);
    return draw;
  }
  draw.on = 1;
  draw_numbers<kSimple>(params, stage, sample.id, words, draw);
  return draw;
}

// A draw to replay.
HOST_DEVICE const StageDraw& given_draw(const AugmentParams& params, int32_t position, int32_t side,
                                        int32_t index) {
  const int64_t slot =
      (static_cast<int64_t>(position) * sides(params.program) + side) * params.program.count +
      index;
  return reinterpret_cast<const StageDraw*>(params.draws)[slot];
}

// Stops the GPU at a shift whose window reaches further over the edge than its border brings back.
// Likewise at a resampling's box that is none of the image. Of a map any shift will do, and of
// other kinds any numbers: their coordinates are folded or clipped.
HOST_DEVICE void require_sources(const Program& program, int32_t index, const StageDraw& draw) {
  const Stage& stage = program.stages[index];
  if (stage.kind == Kind::kResample && draw.on != 0) {
    const Extent extent = entering_extent(stage, draw);
    require_below(draw.box.x0, extent.width);
    require_below(draw.box.y0, extent.height);
    require_below(draw.box.x1 - draw.box.x0 - 1, extent.width - draw.box.x0);
    require_below(draw.box.y1 - draw.box.y0 - 1, extent.height - draw.box.y0);
  }
  const bool in_map = index >= program.map_begin && index < program.map_end;
  if (stage.kind != Kind::kShift || draw.on == 0 || in_map) {
    return;
  }
  for (int32_t axis = 0; axis < 2; ++axis) {
    const int32_t size = entering_size(stage, draw, axis);
    const int32_t last = (axis == 0 ? stage.shift.out_width : stage.shift.out_height) - 1;
    const Reentry reentry = reentry_of(stage.shift.border, size);
    const int32_t shift = whole_shift(draw, axis);
    require_below(shifted_source(0, shift, size, reentry) + 1, size + 1);  // kOutside will do
    require_below(shifted_source(last, shift, size, reentry) + 1, size + 1);
  }
}

// The draw of stage `index` for the sample at `position` (side 0) or for its partner (side 1).
template <bool kSimple>
HOST_DEVICE StageDraw obtain_draw(const AugmentParams& params, int32_t position, int32_t side,
                                  int32_t index, Sample sample) {
  const Stage& stage = params.program.stages[index];
  StageDraw draw;
  if (params.draws) {
    draw = given_draw(params, position, side, index);
    set_entering<kSimple>(params, index, sample.row, draw);
  } else {
    draw = draw_stage<kSimple>(params, index, sample);
  }
  if (params.draws || (!kSimple && stage.width == 0)) {  // else the host knows all sizes
    require_sources(params.program, index, draw);
  }
  return draw;
}

// The draw of stage `index` of a whole-image launch; of a chain without its shares, unless they are
// given.
HOST_DEVICE StageDraw whole_image_draw(const AugmentParams& params, int32_t position, int32_t index,
                                       Sample sample) {
  if (params.draws) {
    return given_draw(params, position, 0, index);
  }
  const Stage& stage = params.program.stages[index];
  StageDraw draw = {};
  Philox4 words;
  if (applied_words(params, stage, sample, words)) {
    draw.on = 1;
    if (stage.kind == Kind::kAugMix) {
      draw.augmix = draw_link(params, stage, sample.id, words);
    } else {
      draw_whole_image(params, stage, sample.id, words, draw);
    }
  }
  return draw;
}

// What a whole-image launch does to a sample: that of its stages which applies, if one does; of
// chains, the launch's slot. `draw` is that one's. kMoves: see operation_of.
template <bool kMoves>
HOST_DEVICE ImageOperation sample_operation(const AugmentParams& params, int32_t position,
                                            Sample sample, StageDraw& draw) {
  const bool chains = has_chains(params.program);
  const int32_t end = chains ? params.slot + 1 : params.program.count;
  for (int32_t i = chains ? params.slot : 0; i < end; ++i) {
    draw = whole_image_draw(params, position, i, sample);
    if (draw.on) {
      return operation_of<kMoves>(params.program.stages[i], draw, params.channels);
    }
  }
  return {};
}

// Whom the mix of a sample draws as its partner, or -1 without a mix: without what else it draws.
HOST_DEVICE int32_t obtain_partner(const AugmentParams& params, int32_t position, Sample sample) {
  for (int32_t i = params.program.mix_begin; i < params.program.mix_end; ++i) {
    if (params.draws) {
      const StageDraw& mix = given_draw(params, position, 0, i);
      if (mix.on) {
        return mix.partner;
      }
      continue;
    }
    Philox4 words;
    if (applied_words(params, params.program.stages[i], sample, words)) {
      return draw_partner(params, words);
    }
  }
  return -1;
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
  const int32_t position = static_cast<int32_t>(image / sides(program));
  const Sample sample = batch_sample(params, position);
  StageDraw draw = {};
  if (side == 0) {
    draw = draw_stage<false>(params, stage, sample);
  } else if (stage < program.mix_begin) {
    const int32_t partner = obtain_partner(params, position, sample);
    if (partner >= 0) {
      draw = draw_stage<false>(params, stage, partner_sample(params, partner));
    }
  }
  reinterpret_cast<StageDraw*>(draws)[slot] = draw;
}

}  // namespace warpmix::augment
