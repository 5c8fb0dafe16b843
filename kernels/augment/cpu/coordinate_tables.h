// Where the columns and rows of an image come from, all of an axis at once: the CPU's form of
// whole_pixels.h.
#pragma once

#include <vector>

#include "../../simd.h"
#include "../whole_pixels.h"

namespace warpmix::augment {

// Numbers [begin, end).
struct Range {
  int32_t begin;
  int32_t end;
};

// Part of a table that has one source coordinate, or kOutside, for each of an axis.
struct AxisPart {
  int32_t* table;
  Range range;
};

inline AxisPart part_of(std::vector<int32_t>& table, Range range) { return {table.data(), range}; }

inline AxisPart all_of(std::vector<int32_t>& table) {
  return part_of(table, {0, static_cast<int32_t>(table.size())});
}

HOST_DEVICE void start_table(AxisPart axis) {
  for (int32_t x = axis.range.begin; x < axis.range.end; ++x) {
    axis.table[x] = x;
  }
}

// One shift; the border is known to the compiler, so that the loop is vectors.
template <Border kBorder>
HOST_DEVICE void shift_table(int32_t shift, int32_t size, AxisPart axis) {
  const Reentry reentry = reentry_of(kBorder, size);
  for (int32_t x = axis.range.begin; x < axis.range.end; ++x) {
    axis.table[x] = shifted_source(axis.table[x], shift, size, reentry);
  }
}

HOST_DEVICE void apply_whole_stage(const Stage& stage, const StageDraw& draw, int32_t axis,
                                   AxisPart part) {
  const int32_t size = entering_size(stage, draw, axis);
  const int32_t shift = whole_shift(draw, axis);
  if (stage.kind != Kind::kShift) {
    for (int32_t x = part.range.begin; x < part.range.end; ++x) {
      part.table[x] = flipped_source(stage.kind, size, axis, part.table[x]);
    }
    return;
  }
  switch (stage.shift.border) {
    case Border::kWrap:
      return shift_table<Border::kWrap>(shift, size, part);
    case Border::kReflect:
      return shift_table<Border::kReflect>(shift, size, part);
    case Border::kSymmetric:
      return shift_table<Border::kSymmetric>(shift, size, part);
    case Border::kReplicate:
      return shift_table<Border::kReplicate>(shift, size, part);
    case Border::kConstant:
      return shift_table<Border::kConstant>(shift, size, part);
  }
}

// Stages [begin, end), the applied ones backwards: whole_source.
HOST_DEVICE void apply_whole(const Program& program, const StageDraw* draws, int32_t begin,
                             int32_t end, int32_t axis, AxisPart part) {
  for (int32_t i = end - 1; i >= begin; --i) {
    if (draws[i].on) {
      apply_whole_stage(program.stages[i], draws[i], axis, part);
    }
  }
}

namespace {

// Where whole-pixel stages [begin, end) take coordinates of an axis (0: columns, 1: rows) from.
WARPMIX_SIMD_CLONES void tabulate_stages(const Program& program, const StageDraw* draws,
                                         int32_t begin, int32_t end, int32_t axis,
                                         const AxisPart& whole) {
  const AxisPart part = whole;  // a copy that no store reaches
  start_table(part);
  apply_whole(program, draws, begin, end, axis, part);
}

// Where the whole geometry of a launch does, its map being whole: source_coordinate.
WARPMIX_SIMD_CLONES void tabulate_axis(const Program& program, const StageDraw* draws,
                                       const Map& map, int32_t axis, const AxisPart& whole) {
  const AxisPart part = whole;
  start_table(part);
  apply_whole(program, draws, program.map_end, program.geometry_end, axis, part);
  if (program.map_begin < program.map_end) {
    for (int32_t x = part.range.begin; x < part.range.end; ++x) {
      part.table[x] = whole_map_source(program, draws, map, axis, part.table[x]);
    }
  }
  apply_whole(program, draws, 0, program.map_begin, axis, part);
}

// Whether a table goes on as it begins, without a place outside.
WARPMIX_SIMD_CLONES bool is_even(const int32_t* table, int32_t size) {
  const int32_t step = size > 1 ? table[1] - table[0] : 0;
  int32_t uneven = table[0] < 0 ? 1 : 0;
  for (int32_t x = 1; x < size; ++x) {
    uneven |= (table[x] < 0 ? 1 : 0) | (table[x] != table[x - 1] + step ? 1 : 0);
  }
  return uneven == 0;
}

}  // namespace

// Coordinates to offsets in elements.
inline void scale_table(int32_t stride, std::vector<int32_t>& table) {
  for (int32_t& x : table) {
    x = x == kOutside ? kOutside : x * stride;
  }
}

// Consecutive output columns whose source columns go by `step`: 1, -1, or 0 outside (the fill).
struct Run {
  int32_t begin;
  int32_t end;
  int32_t source;
  int32_t step;
};

inline void find_runs(const AxisPart& axis, std::vector<Run>& runs) {
  runs.clear();
  const int32_t* table = axis.table;
  for (int32_t begin = axis.range.begin; begin < axis.range.end;) {
    const int32_t source = table[begin];
    int32_t step = 1;
    int32_t limit = axis.range.end;
    if (source == kOutside) {
      step = 0;
    } else if (begin + 1 < limit && table[begin + 1] == source - 1 && source > 0) {
      step = -1;
      limit = min_of(limit, begin + source + 1);  // column 0 is its last: -1 says kOutside
    }
    int32_t end = begin + 1;
    for (int32_t next = source + step; end < limit && table[end] == next; next += step) {
      ++end;
    }
    runs.push_back({begin, end, source, step});
    begin = end;
  }
}

}  // namespace warpmix::augment
