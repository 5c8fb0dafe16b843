// Geometry: what its stages draw, and the map of a launch, into which warps are composed: one 2×3
// matrix from output to source pixels. Pixel centres are whole numbers. (A resampling is no matrix,
// resample.h, but where an image of a size of its own cannot shrink.)
#pragma once

#include "../fixed_math.h"
#include "boxes.h"

namespace warpmix::augment {

// ---- draws --------------------------------------------------------------------------------------

// What a resample makes of an image of `extent`. Where the results have sizes of their own too,
// out_width is the shorter side's and -out_height the most that the longer one's may be, either of
// them 0 where it is not given.
HOST_DEVICE Extent resized_extent(const ResizedCropStage& crop, Extent extent) {
  if (crop.out_height > 0) {
    return {crop.out_width, crop.out_height};
  }
  const int64_t shorter = min_of(extent.width, extent.height);
  const int64_t longer = max_of(extent.width, extent.height);
  const int64_t most = -int64_t{crop.out_height};
  int64_t new_shorter = crop.out_width;
  int64_t new_longer = new_shorter * longer / shorter;
  if (new_shorter == 0) {
    new_shorter = most * shorter / longer;
    new_longer = most;
  } else if (most > 0 && new_longer > most) {
    new_shorter = most * new_shorter / new_longer;
    new_longer = most;
  }
  require_below(new_shorter - 1, kMaxSide);
  require_below(new_longer - 1, kMaxSide);
  const bool is_wide = extent.width > extent.height;
  return {static_cast<int32_t>(is_wide ? new_longer : new_shorter),
          static_cast<int32_t>(is_wide ? new_shorter : new_longer)};
}

// The image of `extent` as it enters stage `index`, before which images have sizes of their own.
HOST_DEVICE Extent mixed_extent(const Program& program, int32_t index, Extent extent) {
  for (int32_t i = 0; i < index; ++i) {
    const Stage& stage = program.stages[i];
    if (stage.kind == Kind::kResample) {
      extent = resized_extent(stage.resized_crop, extent);
    }
  }
  return extent;
}

// The image that enters a stage, of this sample with its draw.
HOST_DEVICE Extent entering_extent(const Stage& stage, const StageDraw& draw) {
  return stage.width > 0 ? Extent{stage.width, stage.height} : draw.entering.extent;
}

// Shifts along one axis, uniform among low, …, low + count - 1.
struct ShiftRange {
  int32_t low, count;
};

// From a crop's numbers for an image of no pixels to those for one of `size`. Each pixel more lets
// the window move one further, towards smaller shifts, from the image's padding before it; where
// the window is the larger one, it has the image and its padding at one end or the other or
// between.
HOST_DEVICE ShiftRange shift_range(int32_t low, int32_t count, int32_t size) {
  const int32_t last = low + count - 1;
  const int32_t first = low - size;
  return {min_of(first, last), (first < last ? last - first : first - last) + 1};
}

// Where an image of `size` begins in its central window; torchvision's rounding.
HOST_DEVICE int32_t central_shift(int32_t size, int32_t window) {
  return window > size ? (window - size) / 2
                       : -static_cast<int32_t>(rintf(0.5f * static_cast<float>(size - window)));
}

template <bool kSimple>
HOST_DEVICE ShiftDraw draw_shift(const Stage& stage, Extent extent, Philox4 words) {
  const ShiftStage& shift = stage.shift;
  ShiftRange across = {shift.low_x, shift.count_x};
  ShiftRange down = {shift.low_y, shift.count_y};
  if constexpr (!kSimple) {
    if (stage.width == 0) {
      across = shift_range(across.low, across.count, extent.width);
      down = shift_range(down.low, down.count, extent.height);
    }
  }
  return {across.low + uniform_below(words.word[1], across.count),
          down.low + uniform_below(words.word[2], down.count)};
}

HOST_DEVICE AffineDraw draw_affine(const AffineStage& stage, Philox4 words, Philox4 more) {
  const float dx = rintf(uniform_between(words.word[2], -1.0f, 2.0f) * stage.max_x);
  const float dy = rintf(uniform_between(words.word[3], -1.0f, 2.0f) * stage.max_y);
  return {uniform_between(words.word[1], stage.turns_low, stage.turns_span),
          static_cast<int32_t>(dx),
          static_cast<int32_t>(dy),
          uniform_between(more.word[0], stage.scale_low, stage.scale_span),
          uniform_between(more.word[1], stage.shear_x_low, stage.shear_x_span),
          uniform_between(more.word[2], stage.shear_y_low, stage.shear_y_span)};
}

// torchvision's last resort: the largest central box whose aspect is in the range.
HOST_DEVICE Box central_box(const ResizedCropStage& crop, Extent extent) {
  const float aspect = static_cast<float>(extent.width) / static_cast<float>(extent.height);
  int32_t width = extent.width;
  int32_t height = extent.height;
  if (aspect < crop.ratio_low) {
    height = static_cast<int32_t>(rintf(static_cast<float>(width) / crop.ratio_low));
  } else if (aspect > crop.ratio_high) {
    width = static_cast<int32_t>(rintf(static_cast<float>(height) * crop.ratio_high));
  }
  const int32_t x = (extent.width - width) / 2;
  const int32_t y = (extent.height - height) / 2;
  return {x, y, x + width, y + height};
}

HOST_DEVICE Box draw_resized_crop(const AugmentParams& params, const Stage& stage, Extent extent,
                                  int64_t id) {
  const ResizedCropStage& crop = stage.resized_crop;
  Box box;
  const BoxRanges ranges = {crop.area_low,       crop.area_span, crop.log_ratio_low,
                            crop.log_ratio_span, false,          0};
  return draw_fitting_box(params, stage, extent, id, ranges, box) ? box : central_box(crop, extent);
}

// kSimple: of a program that is_simple.
template <bool kSimple>
HOST_DEVICE void draw_geometry(const AugmentParams& params, const Stage& stage, int64_t id,
                               Philox4 words, StageDraw& draw) {
  const Extent extent = entering_extent(stage, draw);
  switch (stage.kind) {
    case Kind::kShift:
      draw.shift = draw_shift<kSimple>(stage, extent, words);
      return;
    case Kind::kHorizontalFlip:
    case Kind::kVerticalFlip:
      return;
    case Kind::kAffine:
      if constexpr (!kSimple) {
        draw.affine = draw_affine(stage.affine, words, random_words(params, id, stage.stream, 1));
      }
      return;
    case Kind::kResizedCrop:
    case Kind::kResample:
      if constexpr (!kSimple) {
        draw.box = draw_resized_crop(params, stage, extent, id);
        draw.interpolation = drawn_interpolation(stage.resized_crop.interpolation, words.word[1]);
      }
      return;
    default:
      unknown_kind();
  }
}

// An image of a size of its own to which the result's happens to be the same, as a batch of such
// images has it: a resize is left out of its list, and so is what a bicubic crop that does not
// apply would sum. (A bilinear one is a part of its map.)
HOST_DEVICE bool stays_as_it_is(const Stage& stage, Extent extent) {
  if (stage.width > 0) {
    return false;
  }
  const Extent out = resized_extent(stage.resized_crop, extent);
  return extent.width == out.width && extent.height == out.height &&
         (stage.p == 0.0f || stage.resized_crop.interpolation != Interpolation::kBilinear);
}

// All results of a launch have one size: where a stage changes it, a sample that it does not apply
// to gets the central window, or is resized whole.
template <bool kSimple>
HOST_DEVICE void draw_unapplied(const Stage& stage, StageDraw& draw) {
  if (stage.kind == Kind::kShift) {
    const ShiftStage& shift = stage.shift;
    if (shift.out_width != stage.width || shift.out_height != stage.height) {
      draw.on = 1;
      draw.shift = {shift.center_x, shift.center_y};
    }
    if constexpr (!kSimple) {
      if (stage.width == 0) {
        const Extent extent = entering_extent(stage, draw);
        draw.shift = {central_shift(extent.width, shift.out_width),
                      central_shift(extent.height, shift.out_height)};
      }
    }
  }
  if constexpr (!kSimple) {
    const ResizedCropStage& crop = stage.resized_crop;
    const bool resizes = stage.kind == Kind::kResizedCrop || stage.kind == Kind::kResample;
    if (resizes && (crop.out_width != stage.width || crop.out_height != stage.height)) {
      const Extent extent = entering_extent(stage, draw);
      draw.on = stays_as_it_is(stage, extent) ? 0 : 1;
      draw.box = {0, 0, extent.width, extent.height};
      draw.interpolation = drawn_interpolation(crop.interpolation, 0);  // bilinear, as timm's
    }
  }
}

// ---- the map ------------------------------------------------------------------------------------

// x' = m[0] x + (m[1] y + m[2]), y' = m[3] x + (m[4] y + m[5]).
struct Map {
  float m[6];
  bool whole;  // flips and shifts alone: whole pixels come from whole pixels
};

// `map` after the step (a, b, c; d, e, f), which is nearer to the source.
HOST_DEVICE void compose(Map& map, float a, float b, float c, float d, float e, float f) {
  const float* m = map.m;
  const float x0 = a * m[0] + b * m[3];
  const float x1 = a * m[1] + b * m[4];
  const float x2 = (a * m[2] + b * m[5]) + c;
  const float y0 = d * m[0] + e * m[3];
  const float y1 = d * m[1] + e * m[4];
  const float y2 = (d * m[2] + e * m[5]) + f;
  map = {{x0, x1, x2, y0, y1, y2}, map.whole};
}

// torchvision's inverse affine matrix (_get_inverse_affine_matrix) about the image's centre.
HOST_DEVICE void compose_affine(Map& map, const Stage& stage, const AffineDraw& draw) {
  const float turns = draw.turns * stage.affine.direction;
  const SinCos rotation = fixed_sincos_turns(turns);
  const SinCos shear_x = fixed_sincos_turns(draw.shear_x);
  const SinCos shear_y = fixed_sincos_turns(draw.shear_y);
  const SinCos between = fixed_sincos_turns(turns - draw.shear_y);
  const float tan_x = shear_x.sin / shear_x.cos;
  const float cosine = between.cos / shear_y.cos;
  const float sine = between.sin / shear_y.cos;
  const float a = (rotation.cos - sine * tan_x) / draw.scale;
  const float b = (cosine * tan_x + rotation.sin) / draw.scale;
  const float d = -sine / draw.scale;
  const float e = cosine / draw.scale;
  const float x = 0.5f * static_cast<float>(stage.width - 1);
  const float y = 0.5f * static_cast<float>(stage.height - 1);
  const float to_x = x + static_cast<float>(draw.dx);
  const float to_y = y + static_cast<float>(draw.dy);
  compose(map, a, b, x - (a * to_x + b * to_y), d, e, y - (d * to_x + e * to_y));
}

// The box of the entering image to the whole of the result; both count pixels by their corners, as
// torch's interpolate does with align_corners=False.
HOST_DEVICE void compose_resize(Map& map, Extent out, Box box) {
  const float a = static_cast<float>(box.x1 - box.x0) / static_cast<float>(out.width);
  const float e = static_cast<float>(box.y1 - box.y0) / static_cast<float>(out.height);
  compose(map, a, 0.0f, (0.5f * a - 0.5f) + static_cast<float>(box.x0), 0.0f, e,
          (0.5f * e - 0.5f) + static_cast<float>(box.y0));
}

HOST_DEVICE void compose_stage(Map& map, const Stage& stage, const StageDraw& draw) {
  switch (stage.kind) {
    case Kind::kShift:
      return compose(map, 1.0f, 0.0f, -static_cast<float>(draw.shift.dx), 0.0f, 1.0f,
                     -static_cast<float>(draw.shift.dy));
    case Kind::kHorizontalFlip:
      return compose(map, -1.0f, 0.0f, static_cast<float>(stage.width - 1), 0.0f, 1.0f, 0.0f);
    case Kind::kVerticalFlip:
      return compose(map, 1.0f, 0.0f, 0.0f, 0.0f, -1.0f, static_cast<float>(stage.height - 1));
    case Kind::kAffine:
      map.whole = false;
      return compose_affine(map, stage, draw.affine);
    case Kind::kResizedCrop:
    case Kind::kResample:
      map.whole = false;
      return compose_resize(map, resized_extent(stage.resized_crop, entering_extent(stage, draw)),
                            draw.box);
    default:
      unknown_kind();
  }
}

HOST_DEVICE bool resamples(const Program& program) {
  return program.map_begin < program.map_end &&
         program.stages[program.map_begin].kind == Kind::kResample;
}

// Whether a resampling of images of mixed sizes is part of this sample's map: as of a batch of
// images of its size, neither it nor a box of it can shrink.
HOST_DEVICE bool joins_map(const Stage& stage, const StageDraw& draw) {
  const Extent extent = entering_extent(stage, draw);
  const Extent out = resized_extent(stage.resized_crop, extent);
  return draw.on != 0 && stage.resized_crop.interpolation == Interpolation::kBilinear &&
         extent.width <= out.width && extent.height <= out.height;
}

// Of a sample that is resampled, or copied, nothing: what follows in the map is the next launch's.
HOST_DEVICE Map resolve_map(const Program& program, const StageDraw* draws) {
  Map map = {{1.0f, 0.0f, 0.0f, 0.0f, 1.0f, 0.0f}, true};
  const StageDraw& first = draws[program.map_begin];
  if (resamples(program) && !joins_map(program.stages[program.map_begin], first)) {
    map.whole = first.on == 0;
    return map;
  }
  for (int32_t i = program.map_end - 1; i >= program.map_begin; --i) {
    if (draws[i].on) {
      compose_stage(map, program.stages[i], draws[i]);
    }
  }
  return map;
}

}  // namespace warpmix::augment
