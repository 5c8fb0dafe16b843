// A copy of an image with its border round it, for the CPU's bicubic sampling.
#pragma once

#include <algorithm>
#include <vector>

#include "cubic_rows.h"

namespace warpmix::augment {

// An image, and how it is sampled.
template <typename Source>
struct CubicImage {
  const Source* image;
  const int32_t* columns;  // offsets in elements of each column and row, or kOutside
  const int32_t* rows;
  Fold across, down;
  int32_t channel_stride, channels;
  const float* fill;
};

// A copy of it with its border round it, so that taps lie side by side: its channels too where
// there are three adjacent ones, else a plane each.
template <typename Source>
class BorderedImage {
 public:
  // Of images whose taps may be the fill there is none.
  void copy(const CubicImage<Source>& of) {
    const int32_t width = of.across.size + 2 * kEdge;
    const int32_t height = of.down.size + 2 * kEdge;
    pixel = of.channels == 3 && of.channel_stride == 1 ? 3 : 1;
    row_stride = width * pixel;
    plane = static_cast<int64_t>(row_stride) * height;
    columns_.resize(width);
    exists = true;
    in_order_ = true;
    for (int32_t x = 0; x < width; ++x) {
      columns_[x] = of.columns[folded(x - kEdge, of.across)];
      exists = exists && columns_[x] != kOutside;
      const bool begins = x <= kEdge || x >= width - kEdge;
      in_order_ = in_order_ && (begins || columns_[x] == columns_[x - 1] + pixel);
    }
    elements_.resize(plane * of.channels / pixel + kSlack);
    for (int32_t y = 0; y < height && exists; ++y) {
      const int32_t row = of.rows[folded(y - kEdge, of.down)];
      exists = row != kOutside;
      for (int32_t c = 0; c < of.channels && exists; c += pixel) {
        const Source* const from = of.image + c * static_cast<int64_t>(of.channel_stride) + row;
        copy_row(from, elements_.data() + c / pixel * plane + static_cast<int64_t>(y) * row_stride);
      }
    }
  }

  const Source* data() const { return elements_.data(); }
  bool is_rgb() const { return pixel == 3; }

  bool exists = false;
  int32_t pixel = 1;  // elements from one to the next
  int32_t row_stride = 0;
  int64_t plane = 0;

 private:
  static constexpr int32_t kSlack = 16;  // elements that are read behind the last pixel

  void copy_row(const Source* from, Source* to) const {
    const int32_t width = static_cast<int32_t>(columns_.size());
    const int32_t last = width - kEdge;
    for (int32_t x = 0; x < width; ++x) {
      if (in_order_ && x == kEdge) {
        std::copy_n(from + columns_[x], (last - x) * pixel, to + x * pixel);
        x = last;
      }
      for (int32_t c = 0; c < pixel; ++c) {
        to[x * pixel + c] = from[columns_[x] + c];
      }
    }
  }

  bool in_order_ = false;  // the image's own columns lie side by side
  std::vector<int32_t> columns_;
  std::vector<Source> elements_;
};

}  // namespace warpmix::augment
