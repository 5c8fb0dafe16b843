// The CPU's way through the rows of an image whose pixels move by a projection.
#pragma once

#include <vector>

#include "cubic_sampling.h"
#include "projected_rows.h"

namespace warpmix::augment {

// Makes rows of one size; owns what a row needs, so one a thread.
template <typename Source>
class MovedRows {
 public:
  explicit MovedRows(const AugmentParams& params)
      : params_(params),
        offsets_(static_cast<size_t>(9) * params.width),
        words_(params.width),
        weights_(static_cast<size_t>(2) * params.width),
        all_columns_(params.width),
        columns_(params.width),
        rows_(params.height),
        cubic_(params.width) {
    start_table(all_of(all_columns_));
    start_table(all_of(columns_));
    start_table(all_of(rows_));
    scale_table(params.pixel_stride, columns_);
    scale_table(params.row_stride, rows_);
  }

  // Rows [begin, end), of an image those from its first one on: `first` is row `begin` of channel
  // 0, from plane to plane there are `plane` elements.
  void take(const Source* image, const Projection& projection, int32_t begin, int32_t end,
            float* first, int64_t plane) {
    const bool is_bicubic = projection.interpolation == Interpolation::kBicubic;
    if (is_bicubic && begin == 0) {
      cubic_.begin(cubic_image(image));
    }
    for (int32_t y = begin; y < end; ++y) {
      float* row = first + static_cast<int64_t>(y - begin) * params_.width;
      switch (projection.interpolation) {
        case Interpolation::kNearest:
          take_nearest(image, projection, y, row, plane);
          break;
        case Interpolation::kBicubic:
          cubic_.sample(projection, all_columns_.data(), y, row, plane);
          break;
        default:
          take_between(image, projection, y, row, plane);
      }
    }
  }

 private:
  // As RgbTaps has it where a pixel is read as one word, else -1.
  int32_t last_word() const {
    const bool reads_words = sizeof(Source) == 1 && params_.channels == 3 &&
                             params_.channel_stride == 1 && params_.image_stride >= 4;
    return reads_words ? static_cast<int32_t>(params_.image_stride) - 4 : -1;
  }

  void take_nearest(const Source* image, const Projection& projection, int32_t y, float* row,
                    int64_t plane) {
    const int32_t width = params_.width;
    nearest_offsets(projection, y, width, params_.height, params_.pixel_stride, params_.row_stride,
                    offsets_.data());
    if constexpr (sizeof(Source) == 1) {
      if (last_word() >= 0) {
        take_rgb_words(image, offsets_.data(), last_word(), width, words_.data());
        return split_words(words_.data(), offsets_.data(), params_.program.fill, width, row,
                           row + plane, row + 2 * plane);
      }
    }
    for (int32_t c = 0; c < params_.channels; ++c) {
      take_plane(image + static_cast<int64_t>(c) * params_.channel_stride, offsets_.data(),
                 params_.program.fill[c], width, row + c * plane);
    }
  }

  void take_between(const Source* image, const Projection& projection, int32_t y, float* row,
                    int64_t plane) {
    const int32_t width = params_.width;
    int32_t* of = offsets_.data();
    const RowTaps taps = {of + 4 * width,  of + 5 * width,          of + 6 * width, of + 7 * width,
                          weights_.data(), weights_.data() + width, of + 8 * width};
    projected_taps(projection, y, width, params_.height, taps);
    corner_offsets(taps, params_.pixel_stride, params_.row_stride, width, of);
    sample_planes(params_, image, last_word(), of, taps, width, row, plane);
  }

  CubicImage<Source> cubic_image(const Source* image) const {
    return {image,
            columns_.data(),
            rows_.data(),
            fold_of(Border::kConstant, params_.width),
            fold_of(Border::kConstant, params_.height),
            params_.channel_stride,
            params_.channels,
            params_.program.fill};
  }

  const AugmentParams& params_;
  std::vector<int32_t> offsets_;  // of the pixels of a row, or of four corners each and their taps
  std::vector<uint32_t> words_;
  std::vector<float> weights_;
  std::vector<int32_t> all_columns_;
  std::vector<int32_t> columns_, rows_;  // offsets of the image's
  CubicRows<Source> cubic_;
};

}  // namespace warpmix::augment
