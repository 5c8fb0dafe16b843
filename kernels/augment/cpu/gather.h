// Copying the source pixels that an image's rows are made of into output order.
#pragma once

#include <algorithm>

#include "byte_copies.h"
#include "coordinate_tables.h"
#include "interleaved.h"

namespace warpmix::augment {

// Copies pixels of one image in the output's order of elements: interleaved (channel fastest) or
// planar (a plane a channel, `plane` elements apart). Target: Source, or float.
template <typename Source, typename Target>
class Gatherer {
 public:
  Gatherer(const AugmentParams& params, bool interleaved, int64_t plane)
      : plane_(plane),
        channels_(params.channels),
        pixel_stride_(params.pixel_stride),
        channel_stride_(params.channel_stride),
        interleaved_(interleaved),
        same_order_(interleaved ? params.channel_stride == 1 : params.pixel_stride == 1),
        has_outside_(reaches_outside(params.program)),
        fill_(params.program.fill) {}

  // `columns` of `rows` rows, which go to `out`, `stride` elements apart. `row` are their rows of
  // the image, `row_stride` elements apart, or kOutside.
  void gather(const Source* image, int32_t row_stride, const int32_t* row, int32_t rows,
              const std::vector<Run>& runs, Range columns, Target* out, int64_t stride) const {
    for (const Run& run : runs) {
      const int32_t from = max_of(columns.begin, run.begin);
      const int32_t count = min_of(columns.end, run.end) - from;
      if (count <= 0) {
        continue;
      }
      const Source* first = image + (run.source + (from - run.begin) * run.step) * pixel_stride_;
      Target* target = out + from * (interleaved_ ? channels_ : 1);
      const bool has_source = run.step != 0;
      if (has_source) {
        const bool mirrored = run.step < 0;
        first -= mirrored ? (count - 1) * int64_t{pixel_stride_} : 0;  // the leftmost
        copy(first, row_stride, row, rows, mirrored, count, target, stride);
      }
      if (!has_source) {
        fill(target, count, rows, stride);
        continue;
      }
      for (int32_t y = 0; has_outside_ && y < rows; ++y) {
        if (row[y] == kOutside) {
          fill(target + y * stride, count, 1, stride);
        }
      }
    }
  }

 private:
  static constexpr bool kSameType = std::is_same_v<Source, Target>;

  static Target as_target(Source value) {
    if constexpr (kSameType) {
      return value;
    } else {
      return widen(value);
    }
  }

  static bool reaches_outside(const Program& program) {
    bool constant = program.map_border == Border::kConstant && program.map_begin < program.map_end;
    for (int32_t i = 0; i < program.geometry_end; ++i) {
      const Stage& stage = program.stages[i];
      constant |= stage.kind == Kind::kShift && stage.shift.border == Border::kConstant;
    }
    return constant;
  }

  void fill(Target* out, int32_t count, int32_t rows, int64_t stride) const {
    const int32_t x_step = interleaved_ ? channels_ : 1;
    const int64_t c_step = interleaved_ ? 1 : plane_;
    for (int32_t c = 0; c < channels_; ++c, out += c_step) {
      const Target value = rounded<Target>(fill_[c]);
      for (int32_t y = 0; y < rows; ++y) {
        Target* const row = out + y * stride;
        if (!interleaved_) {
          std::fill_n(row, count, value);
          continue;
        }
        for (int32_t x = 0; x < count; ++x) {
          row[x * x_step] = value;
        }
      }
    }
  }

  // All rows that have a source. `in` is the leftmost pixel of row 0 of the image, wherever it
  // goes.
  void copy(const Source* in, int32_t row_stride, const int32_t* row, int32_t rows, bool mirrored,
            int32_t count, Target* out, int64_t stride) const {
    const auto blocks = [&](int32_t channel, int32_t channels) {
      const Source* first = in + static_cast<int64_t>(channel) * channel_stride_;
      const int64_t size = sizeof(Source);
      return Blocks{reinterpret_cast<const char*>(first), row, row_stride * size, rows,
                    size * count * channels};
    };
    if constexpr (kSameType) {
      if (same_order_) {
        const int32_t together = interleaved_ ? channels_ : 1;
        for (int32_t c = 0; c < channels_; c += together) {
          copy_ordered(blocks(c, together), together, mirrored, out + c * plane_, stride);
        }
        return;
      }
    } else if constexpr (sizeof(Source) == 1) {
      if (channels_ == 3 && !same_order_) {
        return widen_rows(blocks(0, 3), mirrored, {out, plane_}, stride);
      }
    }
    const bool is_block = !kSameType && !interleaved_ && same_order_ && !mirrored &&
                          count == row_stride && count == stride && follow_each_other(row, rows);
    if (is_block) {  // at 32², calls a row would take most of the time
      return copy_row(in + static_cast<int64_t>(row[0]) * row_stride, false, out, rows * count);
    }
    for (int32_t y = 0; y < rows; ++y, out += stride) {
      if (row[y] != kOutside) {
        copy_row(in + static_cast<int64_t>(row[y]) * row_stride, mirrored, out, count);
      }
    }
  }

  static bool follow_each_other(const int32_t* row, int32_t rows) {
    return (rows == 1 || row[1] == row[0] + 1) && is_even(row, rows);
  }

  void copy_ordered(const Blocks& blocks, int32_t channels, bool mirrored, Source* out,
                    int64_t stride) const {
    if (mirrored) {
      mirror_rows(blocks, channels, out, stride);
    } else {
      copy_blocks(blocks, reinterpret_cast<char*>(out), stride * sizeof(Source));
    }
  }

  void copy_row(const Source* in, bool mirrored, Target* out, int32_t count) const {
    if constexpr (kSameType) {
      if (channels_ == 3 && !mirrored) {
        return interleaved_ ? join_pixels(in, channel_stride_, out, count)
                            : split_pixels(in, out, plane_, count);
      }
    } else if (same_order_ && !mirrored) {
      for (int32_t c = 0; c < channels_; ++c) {
        widen_plane(in + static_cast<int64_t>(c) * channel_stride_, out + c * plane_, count);
      }
      return;
    }
    copy_each(in, mirrored, out, count);
  }

  // Upwards through the source: see mirror_rows.
  void copy_each(const Source* in, bool mirrored, Target* out, int32_t count) const {
    const int32_t x_step = (interleaved_ ? channels_ : 1) * (mirrored ? -1 : 1);
    const int64_t c_step = interleaved_ ? 1 : plane_;
    Target* const first = mirrored ? out - (count - 1) * int64_t{x_step} : out;
    for (int32_t x = 0; x < count; ++x) {
      const Source* pixel = in + static_cast<int64_t>(x) * pixel_stride_;
      for (int32_t c = 0; c < channels_; ++c) {
        first[x * int64_t{x_step} + c * c_step] =
            as_target(pixel[static_cast<int64_t>(c) * channel_stride_]);
      }
    }
  }

  const int64_t plane_;
  const int32_t channels_, pixel_stride_, channel_stride_;
  const bool interleaved_;
  const bool same_order_;    // pixels and channels lie in the source as they do in the output
  const bool has_outside_;   // some pixels may have no source
  const float* const fill_;  // of the channels
};

}  // namespace warpmix::augment
