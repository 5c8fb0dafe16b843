// Whole-pixel geometry: shifts and flips take a column from a column and a row from a row.
#pragma once

#include "geometry.h"
#include "sampling.h"

namespace warpmix::augment {

constexpr int32_t kOutside = -1;  // a constant border's pixel: it has no source

// What a border makes of coordinate x of an axis beyond its end: sign · x + `low` or `high`. Shifts
// reach no further than this brings back at once.
struct Reentry {
  int32_t sign, low, high;
};

HOST_DEVICE Reentry reentry_of(Border border, int32_t size) {
  switch (border) {
    case Border::kWrap:
      return {1, size, -size};
    case Border::kReflect:
      return {-1, 0, 2 * (size - 1)};
    case Border::kSymmetric:
      return {-1, -1, 2 * size - 1};
    case Border::kReplicate:
      return {0, 0, size - 1};
    case Border::kConstant:
      break;
  }
  return {0, kOutside, kOutside};
}

HOST_DEVICE int32_t reentered(int32_t x, int32_t size, Reentry reentry) {
  const int32_t beyond = reentry.sign * x + (x < 0 ? reentry.low : reentry.high);
  return x >= 0 && x < size ? x : beyond;
}

HOST_DEVICE int32_t shifted_source(int32_t x, int32_t shift, int32_t size, Reentry reentry) {
  return x == kOutside ? kOutside : reentered(x - shift, size, reentry);
}

// Pixels along axis 0 (columns) or 1 (rows) of the image that enters a stage. kSimple: of a program
// that is_simple, whose images have one size.
template <bool kSimple = false>
HOST_DEVICE int32_t entering_size(const Stage& stage, const StageDraw& draw, int32_t axis) {
  const int32_t size = axis == 0 ? stage.width : stage.height;
  if constexpr (!kSimple) {
    const Extent& own = draw.entering.extent;
    return size > 0 ? size : axis == 0 ? own.width : own.height;
  }
  return size;
}

// Where a flip takes column (axis 0) or row (axis 1) x of its output of `size` from.
HOST_DEVICE int32_t flipped_source(Kind kind, int32_t size, int32_t axis, int32_t x) {
  const bool flips = kind == (axis == 0 ? Kind::kHorizontalFlip : Kind::kVerticalFlip);
  return flips && x != kOutside ? size - 1 - x : x;
}

HOST_DEVICE int32_t whole_shift(const StageDraw& draw, int32_t axis) {
  return axis == 0 ? draw.shift.dx : draw.shift.dy;
}

// Where stages [begin, end) take columns or rows from: the applied ones backwards. kSimple: as of
// entering_size.
template <bool kSimple, int kCount>
HOST_DEVICE void whole_sources(const Program& program, const StageDraw* draws, int32_t begin,
                               int32_t end, int32_t axis, int32_t (&x)[kCount]) {
  for (int32_t i = end - 1; i >= begin; --i) {
    const Stage& stage = program.stages[i];
    if (!draws[i].on) {
      continue;
    }
    const int32_t size = entering_size<kSimple>(stage, draws[i], axis);
    if (stage.kind == Kind::kShift) {
      const int32_t shift = whole_shift(draws[i], axis);
      const Reentry reentry = reentry_of(stage.shift.border, size);
      UNROLL
      for (int j = 0; j < kCount; ++j) {
        x[j] = shifted_source(x[j], shift, size, reentry);
      }
    } else {
      UNROLL
      for (int j = 0; j < kCount; ++j) {
        x[j] = flipped_source(stage.kind, size, axis, x[j]);
      }
    }
  }
}

HOST_DEVICE int32_t whole_source(const Program& program, const StageDraw* draws, int32_t begin,
                                 int32_t end, int32_t axis, int32_t x) {
  int32_t one[1] = {x};
  whole_sources<false>(program, draws, begin, end, axis, one);
  return one[0];
}

// Where a whole map (see Map) takes a column or row from.
HOST_DEVICE int32_t whole_map_source(const Program& program, const StageDraw* draws, const Map& map,
                                     int32_t axis, int32_t x) {
  if (x == kOutside) {
    return x;
  }
  const int32_t first = program.map_begin;
  const int32_t size = entering_size(program.stages[first], draws[first], axis);
  const float sign = map.m[4 * axis];
  const int32_t t = static_cast<int32_t>(sign * static_cast<float>(x) + map.m[2 + 3 * axis]);
  if (program.map_border == Border::kConstant && (t < 0 || t >= size)) {
    return kOutside;
  }
  return folded(t, fold_of(program.map_border, size));
}

// Where the whole geometry of a launch, its map being whole, takes a column or row from.
HOST_DEVICE int32_t source_coordinate(const Program& program, const StageDraw* draws,
                                      const Map& map, int32_t axis, int32_t x) {
  x = whole_source(program, draws, program.map_end, program.geometry_end, axis, x);
  if (program.map_begin < program.map_end) {
    x = whole_map_source(program, draws, map, axis, x);
  }
  return whole_source(program, draws, 0, program.map_begin, axis, x);
}

HOST_DEVICE bool inside(int32_t x, int32_t begin, int32_t end) { return x >= begin && x < end; }

}  // namespace warpmix::augment
