// Which source pixels an image's rows are made of, and copying them into output order.
#pragma once

#include <vector>

#include "rows.h"

namespace warpmix::augment {

// Consecutive output columns whose source columns go by `step`: 1, -1, or 0 outside (the fill).
struct Run {
  int32_t begin;
  int32_t end;
  int32_t source;
  int32_t step;
};

// One shift of a whole table; the border is known to the compiler, so that the loop is vectors.
template <Border kBorder>
void shift_table(int32_t shift, int32_t size, int32_t* table) {
  for (int32_t x = 0; x < size; ++x) {
    const int32_t source = shifted_source(table[x], shift, size, kBorder);
    table[x] = table[x] == kOutside ? kOutside : source;
  }
}

inline void apply_whole_stage(const Stage& stage, int32_t shift, int32_t axis, int32_t size,
                              int32_t* table) {
  if (stage.kind != Kind::kShift) {
    for (int32_t x = 0; x < size; ++x) {
      table[x] = stage_source(stage, 0, axis, table[x], size);
    }
    return;
  }
  switch (static_cast<Border>(stage.mode)) {
    case Border::kWrap:
      return shift_table<Border::kWrap>(shift, size, table);
    case Border::kReflect:
      return shift_table<Border::kReflect>(shift, size, table);
    case Border::kReplicate:
      return shift_table<Border::kReplicate>(shift, size, table);
    case Border::kConstant:
      return shift_table<Border::kConstant>(shift, size, table);
  }
}

// Stages [begin, end) of an axis, the applied ones backwards; whole_source for a whole table.
inline void apply_whole(const Program& program, const StageDraw* draws, int32_t begin, int32_t end,
                        int32_t axis, std::vector<int32_t>& table) {
  for (int32_t i = end - 1; i >= begin; --i) {
    if (draws[i].on) {
      apply_whole_stage(program.stages[i], whole_shift(draws[i], axis), axis,
                        static_cast<int32_t>(table.size()), table.data());
    }
  }
}

inline void start_table(std::vector<int32_t>& table) {
  for (size_t x = 0; x < table.size(); ++x) {
    table[x] = static_cast<int32_t>(x);
  }
}

// Coordinates to offsets in elements.
inline void scale_table(int32_t stride, std::vector<int32_t>& table) {
  for (int32_t& x : table) {
    x = x == kOutside ? kOutside : x * stride;
  }
}

// Source coordinate of every output coordinate along an axis, the launch's map being whole;
// source_coordinate for a whole table.
inline void tabulate_axis(const Program& program, const StageDraw* draws, const Map& map,
                          int32_t axis, std::vector<int32_t>& table) {
  start_table(table);
  apply_whole(program, draws, program.map_end, program.geometry_end, axis, table);
  if (program.map_begin < program.map_end) {
    const int32_t size = static_cast<int32_t>(table.size());
    for (int32_t& x : table) {
      x = whole_map_source(program, map, axis, x, size);
    }
  }
  apply_whole(program, draws, 0, program.map_begin, axis, table);
}

inline void find_runs(const std::vector<int32_t>& table, std::vector<Run>& runs) {
  runs.clear();
  const int32_t size = static_cast<int32_t>(table.size());
  for (int32_t begin = 0; begin < size;) {
    const int32_t source = table[begin];
    int32_t step = 1;
    if (source == kOutside) {
      step = 0;
    } else if (begin + 1 < size && table[begin + 1] == source - 1 && source > 0) {
      step = -1;
    }
    int32_t end = begin + 1;
    // A falling run may reach -1, which says kOutside.
    while (end < size && table[end] == source + (end - begin) * step &&
           (table[end] != kOutside || step == 0)) {
      ++end;
    }
    runs.push_back({begin, end, source, step});
    begin = end;
  }
}

// Copies pixels of one image in the output's order of elements: interleaved (channel fastest) or
// planar (a plane a channel, `plane` elements apart).
template <typename Source>
class Gatherer {
 public:
  Gatherer(const AugmentParams& params, bool interleaved, int64_t plane)
      : plane_(plane),
        channels_(params.channels),
        pixel_stride_(params.pixel_stride),
        channel_stride_(params.channel_stride),
        interleaved_(interleaved),
        fill_(static_cast<Source>(params.program.fill)) {}

  // Columns [begin, end) of `rows` rows, which go to `out`, `stride` elements apart; a source row
  // outside the image is null.
  void gather(const Source* const* source_rows, int32_t rows, const std::vector<Run>& runs,
              int32_t begin, int32_t end, Source* out, int64_t stride) const {
    for (const Run& run : runs) {
      const int32_t from = max_of(begin, run.begin);
      const int32_t count = min_of(end, run.end) - from;
      if (count <= 0) {
        continue;
      }
      const int32_t source_x = (run.source + (from - run.begin) * run.step) * pixel_stride_;
      Source* target = out + from * (interleaved_ ? channels_ : 1);
      if (run.step == 1 && interleaved_ && channel_stride_ == 1) {
        copy_rows(source_rows, source_x, rows, count, target, stride);
        continue;
      }
      for (int32_t y = 0; y < rows; ++y, target += stride) {
        if (source_rows[y] == nullptr || run.step == 0) {
          fill(target, count);
        } else {
          copy(source_rows[y] + source_x, run.step, target, count);
        }
      }
    }
  }

 private:
  void fill(Source* out, int32_t count) const {
    const int32_t x_step = interleaved_ ? channels_ : 1;
    const int64_t c_step = interleaved_ ? 1 : plane_;
    for (int32_t c = 0; c < channels_; ++c) {
      for (int32_t x = 0; x < count; ++x) {
        out[c * c_step + x * x_step] = fill_;
      }
    }
  }

  // The common case, without a decision a row: pixels of the same order in source and output.
  void copy_rows(const Source* const* source_rows, int32_t source_x, int32_t rows, int32_t count,
                 Source* out, int64_t stride) const {
    const int64_t size = sizeof(Source);
    copy_blocks(reinterpret_cast<const char* const*>(source_rows), source_x * size, rows,
                count * channels_ * size, reinterpret_cast<char*>(out), stride * size);
    for (int32_t y = 0; y < rows; ++y, out += stride) {
      if (source_rows[y] == nullptr) {
        fill(out, count);
      }
    }
  }

  void copy(const Source* in, int32_t step, Source* out, int32_t count) const {
    if (step == 1 && !interleaved_ && pixel_stride_ == 1) {
      for (int32_t c = 0; c < channels_; ++c) {
        copy_bytes(out + c * plane_, in + static_cast<int64_t>(c) * channel_stride_,
                   count * sizeof(Source));
      }
    } else if (step == 1 && channels_ == 3 && sizeof(Source) == 1) {
      copy_other_order(reinterpret_cast<const uint8_t*>(in), reinterpret_cast<uint8_t*>(out),
                       count);
    } else {
      copy_each(in, step * pixel_stride_, out, count);
    }
  }

  void copy_other_order(const uint8_t* in, uint8_t* out, int32_t count) const {
    if (interleaved_) {
      join_pixels(in, channel_stride_, out, count);
    } else {
      split_pixels(in, out, plane_, count);
    }
  }

  void copy_each(const Source* in, int32_t in_step, Source* out, int32_t count) const {
    const int32_t x_step = interleaved_ ? channels_ : 1;
    const int64_t c_step = interleaved_ ? 1 : plane_;
    for (int32_t x = 0; x < count; ++x) {
      const Source* pixel = in + static_cast<int64_t>(x) * in_step;
      for (int32_t c = 0; c < channels_; ++c) {
        out[x * x_step + c * c_step] = pixel[static_cast<int64_t>(c) * channel_stride_];
      }
    }
  }

  const int64_t plane_;
  const int32_t channels_, pixel_stride_, channel_stride_;
  const bool interleaved_;
  const Source fill_;
};

}  // namespace warpmix::augment
