// Copying the source pixels that an image's rows are made of into output order.
#pragma once

#include "byte_copies.h"
#include "coordinate_tables.h"

namespace warpmix::augment {

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
        same_order_(interleaved ? params.channel_stride == 1 : params.pixel_stride == 1),
        has_outside_(reaches_outside(params.program)),
        fill_(params.program.fill) {}

  // `columns` of `rows` rows, which go to `out`, `stride` elements apart. `row` are their rows of
  // the image, `row_stride` elements apart, or kOutside.
  void gather(const Source* image, int32_t row_stride, const int32_t* row, int32_t rows,
              const std::vector<Run>& runs, Range columns, Source* out, int64_t stride) const {
    for (const Run& run : runs) {
      const int32_t from = max_of(columns.begin, run.begin);
      const int32_t count = min_of(columns.end, run.end) - from;
      if (count <= 0) {
        continue;
      }
      const Source* first = image + (run.source + (from - run.begin) * run.step) * pixel_stride_;
      Source* target = out + from * (interleaved_ ? channels_ : 1);
      const bool in_blocks = run.step == 1 && same_order_;
      if (in_blocks) {
        copy_rows(first, row_stride, row, rows, count, target, stride);
        if (!has_outside_) {
          continue;
        }
      }
      for (int32_t y = 0; y < rows; ++y, target += stride) {
        if (row[y] == kOutside || run.step == 0) {
          fill(target, count);
        } else if (!in_blocks) {
          copy(first + static_cast<int64_t>(row[y]) * row_stride, run.step, target, count);
        }
      }
    }
  }

 private:
  static bool reaches_outside(const Program& program) {
    bool constant = program.map_border == Border::kConstant && program.map_begin < program.map_end;
    for (int32_t i = 0; i < program.geometry_end; ++i) {
      const Stage& stage = program.stages[i];
      constant |= stage.kind == Kind::kShift && stage.shift.border == Border::kConstant;
    }
    return constant;
  }

  void fill(Source* out, int32_t count) const {
    const int32_t x_step = interleaved_ ? channels_ : 1;
    const int64_t c_step = interleaved_ ? 1 : plane_;
    for (int32_t c = 0; c < channels_; ++c) {
      for (int32_t x = 0; x < count; ++x) {
        out[c * c_step + x * x_step] = static_cast<Source>(fill_[c]);
      }
    }
  }

  // The common case: all rows that have a source, which has the output's order.
  void copy_rows(const Source* first, int32_t row_stride, const int32_t* row, int32_t rows,
                 int32_t count, Source* out, int64_t stride) const {
    const int64_t size = sizeof(Source);
    const int32_t planes = interleaved_ ? 1 : channels_;
    for (int32_t c = 0; c < planes; ++c) {
      const Source* plane = first + static_cast<int64_t>(c) * channel_stride_;
      copy_blocks({reinterpret_cast<const char*>(plane), row, row_stride * size, rows,
                   size * count * (channels_ / planes)},
                  reinterpret_cast<char*>(out + c * plane_), stride * size);
    }
  }

  void copy(const Source* in, int32_t step, Source* out, int32_t count) const {
    if (step == 1 && channels_ == 3 && sizeof(Source) == 1) {
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
  const bool same_order_;    // pixels and channels lie in the source as they do in the output
  const bool has_outside_;   // some pixels may have no source
  const float* const fill_;  // of the channels
};

}  // namespace warpmix::augment
