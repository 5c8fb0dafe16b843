// Pixels that a simple program leaves as they are, of bytes to bytes: copied to where they go.
#pragma once

#include <algorithm>
#include <vector>

#include "../sample.h"
#include "gather.h"

namespace warpmix::augment {

// Where the pixels of a result come from.
template <typename Source>
struct PixelRows {
  const Source* image;
  std::vector<int32_t> rows;
  std::vector<Run> runs;
};

// Of floats nothing is copied: -0 becomes 0 on the other way.
template <typename Source, typename Out>
class PixelCopier {
 public:
  explicit PixelCopier(const AugmentParams& params)
      : params_(params),
        keeps_values_(sizeof(Source) == 1 && sizeof(Out) == 1 &&
                      are_all(params.scale, params.channels, 1.0f) &&
                      are_all(params.bias, params.channels, 0.0f)),
        gatherer_(params, params.out_channel_stride == 1, params.out_channel_stride) {}

  // Whether pixels of this side stay as they are.
  bool keeps(const Side& side) const {
    const Box& keep = side.keep;
    return keeps_values_ && side.step[0].factor == 1.0f && keep.x0 <= 0 && keep.y0 <= 0 &&
           keep.x1 >= params_.out_width && keep.y1 >= params_.out_height &&
           are_all(side.step[0].offset, params_.channels, 0.0f);
  }

  // `columns` of `rows` to their place in the image at `out`.
  void copy(const PixelRows<Source>& from, Range columns, Range rows, Source* out) const {
    if (rows.begin < rows.end) {
      out += static_cast<int64_t>(rows.begin) * params_.out_row_stride;
      gatherer_.gather(from.image, params_.row_stride, from.rows.data() + rows.begin,
                       rows.end - rows.begin, from.runs, columns, out, params_.out_row_stride);
    }
  }

 private:
  static bool are_all(const float* values, int32_t count, float value) {
    return std::all_of(values, values + count, [=](float v) { return v == value; });
  }

  const AugmentParams& params_;
  const bool keeps_values_;
  const Gatherer<Source, Source> gatherer_;
};

}  // namespace warpmix::augment
