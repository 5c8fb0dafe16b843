// The CPU's way from an image to rows that a map takes from between its pixels.
#pragma once

#include <cstdlib>
#include <vector>

#include "coordinate_tables.h"
#include "rgb_pairs.h"
#include "rgb_taps.h"

namespace warpmix::augment {

// An image, and where the columns and rows that enter the map lie in it.
template <typename Source>
struct SampledImage {
  const Source* image;
  int64_t begin, end;  // elements that can be read from `image` on: others may lie around it
  int32_t row_stride;
  const int32_t* pre_columns;  // [width] offsets in elements, or kOutside
  const int32_t* pre_rows;     // [height]
  int32_t width;               // of what enters the map
  int32_t height;
};

// Owns the tables of some pixels, so one a thread.
template <typename Source>
class BilinearSampler {
 public:
  explicit BilinearSampler(const AugmentParams& params)
      : params_(params),
        together_(max_of(1, kSampledPixels / params.out_width)),
        whole_(static_cast<size_t>(9) * together_ * params.out_width),
        weights_(static_cast<size_t>(2) * together_ * params.out_width) {}

  // Rows of the result to `out`, a plane a channel. `columns` and `row_of` are those of the map's
  // result, or kOutside.
  void sample(const SampledImage<Source>& image, const Map& map, const int32_t* columns,
              const int32_t* row_of, int32_t rows, float* out, int64_t plane) {
    const bool by_pairs = has_pairs(image);
    for (int32_t y = 0; y < rows; y += together_) {
      const int32_t part = min_of(together_, rows - y);
      float* const first = out + static_cast<int64_t>(y) * params_.out_width;
      if constexpr (sizeof(Source) == 1) {
        if (by_pairs) {
          sample_pairs(image, map, columns, row_of + y, part, first, plane);
          continue;
        }
      }
      sample_taps(image, map, columns, row_of + y, part, first, plane);
    }
  }

 private:
  // Pixels that are sampled together: their 11 numbers each stay in a 32 KiB first-level cache.
  static constexpr int32_t kSampledPixels = 512;

  // Pixels are three adjacent bytes.
  bool has_rgb() const { return params_.channels == 3 && params_.channel_stride == 1; }

  // Moreover none of their taps can be the fill.
  bool has_rgb_words(const SampledImage<Source>& image) const {
    return has_rgb() && params_.program.map_begin == 0 && image.end >= 4;
  }

  // Or all taps of a row lie side by side, as they do behind flips and whole crops too.
  bool has_pairs(const SampledImage<Source>& image) const {
    const Border border = params_.program.map_border;
    return has_rgb() && image.width > 1 &&
           (border == Border::kConstant || border == Border::kReplicate) &&
           std::abs(image.pre_columns[1] - image.pre_columns[0]) == 3 &&
           is_even(image.pre_columns, image.width) && is_even(image.pre_rows, image.height);
  }

  void sample_pairs(const SampledImage<Source>& image, const Map& map, const int32_t* columns,
                    const int32_t* row_of, int32_t rows, float* out, int64_t plane) {
    const Program& program = params_.program;
    const int32_t count = rows * params_.out_width;
    float* const weights = weights_.data();
    const RowPairs pairs = {whole_.data(), weights, weights + count, whole_.data() + count};
    const int32_t* const pre_rows = image.pre_rows;
    const PairSteps steps = {image.pre_columns[0] + pre_rows[0],
                             image.pre_columns[1] - image.pre_columns[0],
                             image.height > 1 ? pre_rows[1] - pre_rows[0] : 0};
    find_pairs(map, {image.width, image.height, steps, program.map_border == Border::kConstant},
               columns, row_of, rows, params_.out_width, pairs);
    augment::sample_pairs({image.image, image.begin, image.end, steps, program.fill, count}, pairs,
                          out, out + plane, out + 2 * plane);
  }

  void sample_taps(const SampledImage<Source>& image, const Map& map, const int32_t* columns,
                   const int32_t* row_of, int32_t rows, float* out, int64_t plane) {
    const Program& program = params_.program;
    const int32_t count = rows * params_.out_width;
    int32_t* const whole = whole_.data();
    float* const weights = weights_.data();
    const RowTaps taps = {whole,   whole + count,   whole + 2 * count, whole + 3 * count,
                          weights, weights + count, whole + 4 * count};
    tap_rows(program.map_border, map, columns, row_of, rows, params_.out_width, image.width,
             image.height, taps);
    int32_t* const corners = whole + 5 * count;
    find_corners(image, taps, count, corners);
    const int64_t last_word = has_rgb_words(image) ? min_of<int64_t>(image.end, INT32_MAX) - 4 : -1;
    sample_planes(params_, image.image, static_cast<int32_t>(last_word), corners, taps, count, out,
                  plane);
  }

  // Offsets of the four taps of `count` pixels, or -1 for the fill.
  void find_corners(const SampledImage<Source>& image, RowTaps taps, int32_t count,
                    int32_t* corners) const {
    if (params_.program.map_begin == 0) {
      corner_offsets(taps, params_.pixel_stride, image.row_stride, count, corners);
      return;
    }
    for (int32_t i = 0; i < count; ++i) {
      const int32_t x[2] = {image.pre_columns[taps.x0[i]], image.pre_columns[taps.x1[i]]};
      const int32_t y[2] = {image.pre_rows[taps.y0[i]], image.pre_rows[taps.y1[i]]};
      for (int32_t k = 0; k < 4; ++k) {
        const bool outside = (x[k % 2] | y[k / 2]) < 0;
        corners[k * count + i] = outside ? kOutside : x[k % 2] + y[k / 2];
      }
    }
  }

  const AugmentParams& params_;
  const int32_t together_;  // rows
  std::vector<int32_t> whole_;
  std::vector<float> weights_;
};

}  // namespace warpmix::augment
