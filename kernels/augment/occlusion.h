// Occlusions: what they draw, and which pixels they cover with what.
#pragma once

#include "boxes.h"
#include "normal.h"

namespace warpmix::augment {

// ---- draws --------------------------------------------------------------------------------------

HOST_DEVICE CropBlackoutDraw draw_crop_blackout(const CropBlackoutStage& stage, Philox4 words) {
  return {uniform_below(words.word[1], stage.max_x + 1),
          uniform_below(words.word[2], stage.max_y + 1)};
}

// An empty box where none fits.
HOST_DEVICE ErasingDraw draw_erasing(const AugmentParams& params, const Stage& stage, int64_t id) {
  const ErasingStage& erasing = stage.erasing;
  const BoxRanges ranges = {
      erasing.area_low, erasing.area_span, erasing.log_ratio_low, erasing.log_ratio_span, true, 1};
  const Philox4 key = random_words(params, id, stage.stream, kBoxAttempts + 1);
  ErasingDraw draw = {{0, 0, 0, 0}, key.word[0], key.word[1]};
  draw_fitting_box(params, stage, {stage.width, stage.height}, id, ranges, draw.box);
  return draw;
}

// DeVries & Taylor (2017): the centre is uniform and the box may overhang; or it lies inside.
HOST_DEVICE Box draw_cutout(const Stage& stage, Philox4 words) {
  const int32_t width = stage.cutout.cut_width;
  const int32_t height = stage.cutout.cut_height;
  if (!stage.cutout.overhang) {
    const int32_t x = uniform_below(words.word[1], stage.width - width + 1);
    const int32_t y = uniform_below(words.word[2], stage.height - height + 1);
    return {x, y, x + width, y + height};
  }
  const int32_t x = uniform_below(words.word[1], stage.width) - width / 2;
  const int32_t y = uniform_below(words.word[2], stage.height) - height / 2;
  return {max_of(x, 0), max_of(y, 0), min_of(x + width, stage.width),
          min_of(y + height, stage.height)};
}

// Chen et al. (2020): squares of side period - kept, `period` apart.
HOST_DEVICE GridMaskDraw draw_grid_mask(const GridMaskStage& stage, Philox4 words) {
  const int32_t period = stage.period_low + uniform_below(words.word[1], stage.period_count);
  const int32_t kept = static_cast<int32_t>(rintf(static_cast<float>(period) * stage.kept));
  return {uniform_below(words.word[2], period), uniform_below(words.word[3], period), period,
          period - min_of(max_of(kept, 1), period - 1)};
}

// kSimple: of a program that is_simple.
template <bool kSimple>
HOST_DEVICE void draw_occlusion(const AugmentParams& params, const Stage& stage, int64_t id,
                                Philox4 words, StageDraw& draw) {
  if (stage.kind == Kind::kCropBlackout) {
    draw.crop_blackout = draw_crop_blackout(stage.crop_blackout, words);
    return;
  }
  if constexpr (!kSimple) {
    switch (stage.kind) {
      case Kind::kErasing:
        draw.erasing = draw_erasing(params, stage, id);
        return;
      case Kind::kCutout:
        draw.box = draw_cutout(stage, words);
        return;
      case Kind::kGridMask:
        draw.grid_mask = draw_grid_mask(stage.grid_mask, words);
        return;
      default:
        unknown_kind();
    }
  }
}

// ---- meaning ------------------------------------------------------------------------------------

// What is kept is not black.
HOST_DEVICE Box kept_by(const Stage& stage, const CropBlackoutDraw& draw) {
  return {draw.border_x, draw.border_y, stage.width - draw.border_x, stage.height - draw.border_y};
}

// An applied occlusion other than black borders: a box, or a grid of squares.
struct Patch {
  int32_t stage;  // of the program
  bool is_grid;
  union {
    Box box;
    GridMaskDraw grid;
  };
  uint64_t key;  // of a random erasing's pixels
};

struct Patches {
  int32_t count;
  Patch patch[kMaxSteps];  // later ones cover earlier ones
};

HOST_DEVICE void set_patch(const Program& program, int32_t stage, const StageDraw& draw,
                           Patch& patch) {
  patch = {};
  patch.stage = stage;
  switch (program.stages[stage].kind) {
    case Kind::kErasing:
      patch.box = draw.erasing.box;
      patch.key = draw.erasing.key_low | static_cast<uint64_t>(draw.erasing.key_high) << 32;
      return;
    case Kind::kCutout:
      patch.box = draw.box;
      return;
    case Kind::kGridMask:
      patch.is_grid = true;
      patch.grid = draw.grid_mask;
      return;
    default:
      unknown_kind();
  }
}

// What a patch covers a channel with, unless that is random; a grid is black.
HOST_DEVICE float patch_value(const Program& program, const Patch& patch, int32_t channel) {
  const Stage& stage = program.stages[patch.stage];
  switch (stage.kind) {
    case Kind::kErasing:
      return stage.erasing.value[channel];
    case Kind::kCutout:
      return stage.cutout.value[channel];
    default:
      return 0.0f;
  }
}

HOST_DEVICE bool is_random(const Program& program, const Patch& patch) {
  const Stage& stage = program.stages[patch.stage];
  return stage.kind == Kind::kErasing && stage.erasing.is_random != 0;
}

// The random bytes of a pixel, which is number `pixel` of its image: one a channel.
HOST_DEVICE Philox4 pixel_bytes(const Patch& patch, int32_t pixel) {
  static_assert(kMaxChannels <= sizeof(Philox4));
  return philox({{static_cast<uint32_t>(pixel), 0, 0, 0}}, patch.key);
}

// By masks: of an index, or of a choice between words, nvcc (13.0) makes local memory.
HOST_DEVICE float byte_of_channel(const Philox4& bytes, int32_t channel) {
  uint32_t word = 0;
  UNROLL
  for (int i = 0; i < 4; ++i) {
    word |= bytes.word[i] & (0u - static_cast<uint32_t>(channel / 4 == i));
  }
  return static_cast<float>(word >> 8 * (channel % 4) & 255u);
}

// Random values of a pixel: bytes, or standard normal numbers for floats (see Program::clips).
template <int kCount>
HOST_DEVICE void random_pixel(const Program& program, const Patch& patch, int32_t pixel,
                              int32_t channel, float (&value)[kCount]) {
  if (!program.clips) {
    return pixel_normals<kCount>(patch.key, pixel, channel, value);
  }
  const Philox4 bytes = pixel_bytes(patch, pixel);
  UNROLL
  for (int c = 0; c < kCount; ++c) {
    value[c] = byte_of_channel(bytes, channel + c);
  }
}

// Black borders cover what was erased before them: those boxes shrink, so that all borders can be
// painted first, and the patches over them.
HOST_DEVICE void cover(Patches& patches, Box keep) {
  for (int32_t i = 0; i < patches.count; ++i) {
    if (!patches.patch[i].is_grid) {
      patches.patch[i].box = intersection(patches.patch[i].box, keep);
    }
  }
}

// Occlusions [begin, end).
HOST_DEVICE void resolve_patches(const Program& program, const StageDraw* draws, int32_t begin,
                                 int32_t end, Patches& patches) {
  patches.count = 0;
  for (int32_t i = begin; i < end; ++i) {
    if (!draws[i].on) {
      continue;
    }
    const Stage& stage = program.stages[i];
    if (stage.kind == Kind::kCropBlackout) {
      cover(patches, kept_by(stage, draws[i].crop_blackout));
    } else {
      set_patch(program, i, draws[i], patches.patch[patches.count++]);
    }
  }
}

// `post` are the sample's own draws: black borders after the mix blacken both sides alike, since
// 0·λ + 0·(1-λ) = 0.
HOST_DEVICE Box resolve_keep(const AugmentParams& params, const StageDraw* draws,
                             const StageDraw* post) {
  const Program& program = params.program;
  Box keep = {0, 0, params.out_width, params.out_height};
  for (int32_t i = program.color_end; i < program.count; ++i) {
    const StageDraw& draw = i < program.mix_begin ? draws[i] : post[i];
    if (draw.on && program.stages[i].kind == Kind::kCropBlackout) {
      keep = intersection(keep, kept_by(program.stages[i], draw.crop_blackout));
    }
  }
  return keep;
}

}  // namespace warpmix::augment
