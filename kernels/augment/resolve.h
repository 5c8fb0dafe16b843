// From the StageDraws of a sample and of its mix partner to the few numbers that a pixel needs.
#pragma once

#include "draw.h"

namespace warpmix::augment {

// One source image of an output sample: the sample's own (side 0) or its partner's (side 1).
struct Side {
  int32_t row;                 // of the images
  int32_t keep[4];             // x0, y0, x1, y1 (exclusive): black outside
  float factor;                // contrast: v * factor + offset[c], clipped to [0,255]
  float offset[kMaxChannels];  // pivot - pivot * factor
};

enum class Mix : int32_t { kNone = 0, kCut = 1, kBlend = 2 };

struct Mixing {
  Mix mix;
  int32_t box[4];  // kCut: the partner's pixels, x0, y0, x1, y1 (exclusive)
  float lam;       // own share
};

HOST_DEVICE void shrink_keep(Side& side, const StageDraw& draw, int32_t width, int32_t height) {
  side.keep[0] = max_of(side.keep[0], draw.box[0]);
  side.keep[1] = max_of(side.keep[1], draw.box[1]);
  side.keep[2] = min_of(side.keep[2], width - draw.box[0]);
  side.keep[3] = min_of(side.keep[3], height - draw.box[1]);
}

HOST_DEVICE float channel_mean(const AugmentParams& params, int32_t row, int32_t channel) {
  const double sum =
      static_cast<double>(params.sums[static_cast<int64_t>(row) * params.channels + channel]);
  const double count = static_cast<double>(params.width) * params.height * kSumScale;
  return static_cast<float>(sum / count);
}

// ITU-R 601 luma as torchvision's rgb_to_grayscale has it; one channel is its own grey.
HOST_DEVICE float gray_mean(const AugmentParams& params, int32_t row) {
  if (params.channels != 3) {
    return channel_mean(params, row, 0);
  }
  return (0.2989f * channel_mean(params, row, 0) + 0.587f * channel_mean(params, row, 1)) +
         0.114f * channel_mean(params, row, 2);
}

HOST_DEVICE void resolve_contrast(const AugmentParams& params, const Stage& stage,
                                  const StageDraw& draw, Side& side) {
  const Pivot pivot_kind = static_cast<Pivot>(stage.mode);
  side.factor = draw.value;
  float pivot = pivot_kind == Pivot::kGrayMean ? gray_mean(params, side.row) : 127.5f;
  for (int32_t c = 0; c < params.channels; ++c) {
    if (pivot_kind == Pivot::kChannelMean) {
      pivot = channel_mean(params, side.row, c);
    }
    side.offset[c] = pivot - pivot * draw.value;
  }
}

// `post` are the sample's own draws: occlusion after the mix blackens both sides alike, since
// 0·λ + 0·(1-λ) = 0.
HOST_DEVICE void resolve_side(const AugmentParams& params, const StageDraw* draws,
                              const StageDraw* post, int32_t row, Side& side) {
  const Program& program = params.program;
  side.row = row;
  side.keep[0] = side.keep[1] = 0;
  side.keep[2] = params.width;
  side.keep[3] = params.height;
  side.factor = 1.0f;
  for (int32_t c = 0; c < params.channels; ++c) {
    side.offset[c] = 0.0f;
  }
  for (int32_t i = program.geometry_end; i < program.contrast_end; ++i) {
    if (draws[i].on) {
      resolve_contrast(params, program.stages[i], draws[i], side);
    }
  }
  for (int32_t i = program.contrast_end; i < program.mix_begin; ++i) {
    if (draws[i].on) {
      shrink_keep(side, draws[i], params.width, params.height);
    }
  }
  for (int32_t i = program.mix_end; i < program.count; ++i) {
    if (post[i].on) {
      shrink_keep(side, post[i], params.width, params.height);
    }
  }
}

HOST_DEVICE Mixing resolve_mixing(const Program& program, const StageDraw* draws) {
  const int32_t index = applied_mix(program, draws);
  if (index < 0) {
    return {Mix::kNone, {0, 0, 0, 0}, 1.0f};
  }
  const StageDraw& draw = draws[index];
  const bool cut = program.stages[index].kind == Kind::kCutMix;
  return {cut ? Mix::kCut : Mix::kBlend,
          {draw.box[0], draw.box[1], draw.box[2], draw.box[3]},
          draw.value};
}

HOST_DEVICE void write_targets(const AugmentParams& params, int32_t position, int32_t own_row,
                               int32_t partner_row, float lam) {
  params.pair[position] = params.labels ? params.labels[own_row] : own_row;
  params.pair[params.batch_size + position] =
      params.labels ? params.labels[partner_row] : partner_row;
  params.lam[position] = lam;
}

}  // namespace warpmix::augment
