// The map of a launch: geometric stages composed into one 2×3 matrix from output to source pixels,
// sampled once (bilinear). Pixel centres are whole numbers.
#pragma once

#include "draw.h"

namespace warpmix::augment {

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
HOST_DEVICE void compose_affine(Map& map, const Stage& stage, const StageDraw& draw) {
  const float turns = draw.number[0] * stage.number[10];  // its sign: torchvision rotates the other
  const SinCos rotation = fixed_sincos_turns(turns);      // way round than it does in affine
  const SinCos shear_x = fixed_sincos_turns(draw.number[4]);
  const SinCos shear_y = fixed_sincos_turns(draw.number[5]);
  const SinCos between = fixed_sincos_turns(turns - draw.number[5]);
  const float tan_x = shear_x.sin / shear_x.cos;
  const float cosine = between.cos / shear_y.cos;
  const float sine = between.sin / shear_y.cos;
  const float scale = draw.number[3];
  const float a = (rotation.cos - sine * tan_x) / scale;
  const float b = (cosine * tan_x + rotation.sin) / scale;
  const float d = -sine / scale;
  const float e = cosine / scale;
  const float x = 0.5f * static_cast<float>(stage.width - 1);
  const float y = 0.5f * static_cast<float>(stage.height - 1);
  const float to_x = x + draw.number[1];
  const float to_y = y + draw.number[2];
  compose(map, a, b, x - (a * to_x + b * to_y), d, e, y - (d * to_x + e * to_y));
}

// The box [x0, x1) × [y0, y1) of the entering image to the whole of the result; both count pixels
// by their corners, as torch's interpolate does with align_corners=False.
HOST_DEVICE void compose_resize(Map& map, const Stage& stage, Box box) {
  const float a = static_cast<float>(box.x1 - box.x0) / stage.number[4];
  const float e = static_cast<float>(box.y1 - box.y0) / stage.number[5];
  compose(map, a, 0.0f, (0.5f * a - 0.5f) + static_cast<float>(box.x0), 0.0f, e,
          (0.5f * e - 0.5f) + static_cast<float>(box.y0));
}

HOST_DEVICE void compose_stage(Map& map, const Stage& stage, const StageDraw& draw) {
  switch (stage.kind) {
    case Kind::kShift:
      return compose(map, 1.0f, 0.0f, -draw.number[0], 0.0f, 1.0f, -draw.number[1]);
    case Kind::kHorizontalFlip:
      return compose(map, -1.0f, 0.0f, static_cast<float>(stage.width - 1), 0.0f, 1.0f, 0.0f);
    case Kind::kVerticalFlip:
      return compose(map, 1.0f, 0.0f, 0.0f, 0.0f, -1.0f, static_cast<float>(stage.height - 1));
    case Kind::kAffine:
      map.whole = false;
      return compose_affine(map, stage, draw);
    case Kind::kResizedCrop:
      map.whole = false;
      return compose_resize(map, stage, box_of(draw));
    default:
      return;
  }
}

HOST_DEVICE Map resolve_map(const Program& program, const StageDraw* draws) {
  Map map = {{1.0f, 0.0f, 0.0f, 0.0f, 1.0f, 0.0f}, true};
  for (int32_t i = program.map_end - 1; i >= program.map_begin; --i) {
    if (draws[i].on) {
      compose_stage(map, program.stages[i], draws[i]);
    }
  }
  return map;
}

// ---- sampling -----------------------------------------------------------------------------------

constexpr float kFar = 4194304.0f;  // 2^22 pixels: coordinates are cut off there, before int32 ends

HOST_DEVICE float map_coordinate(float a, float b, float c, float x, float y) {
  return at_most(at_least(a * x + (b * y + c), -kFar), kFar);
}

// t modulo period for |t| <= 2^22 + 1, by a reciprocal that misses by one period at most.
HOST_DEVICE int32_t modulo(int32_t t, int32_t period, float reciprocal) {
  int32_t rest = t - static_cast<int32_t>(floorf(static_cast<float>(t) * reciprocal)) * period;
  rest = rest < 0 ? rest + period : rest;
  return rest >= period ? rest - period : rest;
}

// Whole coordinate t brought into [0, size) by a border; a constant one keeps its edge pixels here.
HOST_DEVICE int32_t folded(int32_t t, int32_t size, Border border) {
  if (border == Border::kWrap) {
    return modulo(t, size, 1.0f / static_cast<float>(size));
  }
  if (border == Border::kReflect && size > 1) {  // without repeating the edge
    const int32_t period = 2 * (size - 1);
    const int32_t rest = modulo(t, period, 1.0f / static_cast<float>(period));
    return rest >= size ? period - rest : rest;
  }
  return min_of(max_of(t, 0), size - 1);
}

// A constant border begins where the nearest pixel is none of the image's.
HOST_DEVICE bool within(float x, int32_t size) {
  return x >= -0.5f && x < static_cast<float>(size) - 0.5f;
}

// The two pixels along one axis that a coordinate lies between, and its way from the first.
struct Taps {
  int32_t first;
  int32_t second;
  float weight;
};

HOST_DEVICE Taps taps_of(float x, int32_t size, Border border) {
  const float floor = floorf(x);
  const int32_t t = static_cast<int32_t>(floor);
  return {folded(t, size, border), folded(t + 1, size, border), x - floor};
}

HOST_DEVICE float between(float first, float second, float weight) {
  return first + weight * (second - first);
}

}  // namespace warpmix::augment
