// Rows of a resampled image on the CPU: a row's tables once a sample, and only the columns and rows
// that its window shows.
#pragma once

#include <algorithm>
#include <vector>

#include "coordinate_tables.h"
#include "resample_loops.h"

namespace warpmix::augment {

// Where an image's pixels lie, in elements.
template <typename Source>
struct PixelSource {
  const Source* image;
  const int32_t* columns;  // of each column and row that enters the resampling its offset,
  const int32_t* rows;     // which flips alone turn round
  int32_t channels;
  int32_t channel_stride;
};

template <typename Source>
class ResampledRows {
 public:
  // `columns` [width]: of the result, or kOutside where the pixel is `fill`.
  void prepare(const PixelSource<Source>& source, const Resampling& resampling,
               std::vector<int32_t>& columns, const float* fill) {
    source_ = source;
    down_ = resampling.down;
    fill_ = fill;
    interleaved_ = source.channel_stride == 1;
    joined_ = !interleaved_ && source.channels == 3;
    per_pixel_ = interleaved_ || joined_ ? source.channels : 1;
    width_ = static_cast<int32_t>(columns.size());
    find_runs(all_of(columns), runs_);
    tabulate(resampling.across, columns);
  }

  // `count` rows of the result, or kOutside, to `out`, a plane a channel.
  void paint(const int32_t* rows, int32_t count, float* out, int64_t plane) {
    for (int32_t i = 0; i < count; ++i, out += width_) {
      if (rows[i] != kOutside && pixels_ > 0) {
        sum_columns(rows[i], out, plane);
      }
      fill_outside(rows[i] == kOutside, out, plane);
    }
  }

 private:
  void tabulate(const AxisFilter& across, const std::vector<int32_t>& columns) {
    taps_.resize(width_);
    int32_t begin = INT32_MAX;
    int32_t end = 0;
    most_taps_ = 0;
    for (int32_t x = 0; x < width_; ++x) {
      if (columns[x] == kOutside) {
        taps_[x] = {0, 0, 0, 0.0f};
        continue;
      }
      taps_[x] = filter_taps(across, columns[x]);
      begin = min_of(begin, taps_[x].first);
      end = max_of(end, taps_[x].first + taps_[x].count);
      most_taps_ = max_of(most_taps_, taps_[x].count);
    }
    begin_ = begin;
    pixels_ = max_of(end - begin, 0);
    first_.resize(width_);
    weights_.assign(static_cast<size_t>(width_) * most_taps_, 0.0f);
    for (int32_t x = 0; x < width_; ++x) {
      first_[x] = taps_[x].count > 0 ? (taps_[x].first - begin) * per_pixel_ : 0;
      for (int32_t k = 0; k < taps_[x].count; ++k) {
        weights_[static_cast<size_t>(x) * most_taps_ + k] = tap_weight(across, taps_[x], k);
      }
    }
    // Behind the last pixel lie what a shorter filter multiplies by 0, and a pixel's fourth
    // element.
    sums_.resize((pixels_ + most_taps_) * per_pixel_ + 4);
    turned_.resize(sums_.size());
    planes_.resize(joined_ ? 3 * pixels_ : 0);
  }

  void sum_columns(int32_t row, float* out, int64_t plane) {
    const FilterTaps taps = filter_taps(down_, row);
    row_weights_.resize(taps.count);
    for (int32_t k = 0; k < taps.count; ++k) {
      row_weights_[k] = tap_weight(down_, taps, k);
    }
    const int32_t last = begin_ + pixels_ - 1;
    const bool is_turned = source_.columns[begin_] > source_.columns[last];
    const Source* image = source_.image + source_.columns[is_turned ? last : begin_];
    const RowFilter filter = {first_.data(), weights_.data(), most_taps_};
    for (int32_t channel = 0; channel < source_.channels; channel += per_pixel_) {
      if (joined_) {
        for (int32_t c = 0; c < 3; ++c) {
          sum_plane_rows(image, c, taps, pixels_, planes_.data() + c * pixels_);
        }
        join_planes(planes_.data(), pixels_, sums_.data());
      } else {
        sum_plane_rows(image, channel, taps, pixels_ * per_pixel_, sums_.data());
      }
      const float* sums = is_turned ? turned() : sums_.data();
      if (per_pixel_ == 3) {
        filter_rgb(sums, filter, width_, out, out + plane, out + 2 * plane);
        continue;
      }
      for (int32_t c = 0; c < per_pixel_; ++c) {
        filter_row(sums + c, filter, per_pixel_, width_, out + (channel + c) * plane);
      }
    }
  }

  // Of one channel, or of all that are interleaved with it.
  void sum_plane_rows(const Source* image, int32_t channel, const FilterTaps& taps,
                      int32_t elements, float* out) const {
    const Source* first = image + static_cast<int64_t>(channel) * source_.channel_stride;
    sum_rows({first, source_.rows + taps.first, row_weights_.data(), taps.count}, elements, out);
  }

  // The sums of a row that a flip before the resampling turned round.
  const float* turned() {
    for (int32_t x = 0; x < pixels_; ++x) {
      for (int32_t c = 0; c < per_pixel_; ++c) {
        turned_[x * per_pixel_ + c] = sums_[(pixels_ - 1 - x) * per_pixel_ + c];
      }
    }
    return turned_.data();
  }

  void fill_outside(bool whole_row, float* out, int64_t plane) const {
    for (const Run& run : runs_) {
      if (whole_row || run.step == 0) {
        for (int32_t c = 0; c < source_.channels; ++c) {
          std::fill(out + c * plane + run.begin, out + c * plane + run.end, fill_[c]);
        }
      }
    }
  }

  PixelSource<Source> source_;
  AxisFilter down_;
  const float* fill_ = nullptr;
  bool interleaved_ = false;
  bool joined_ = false;    // three planes, whose sums are interleaved
  int32_t per_pixel_ = 1;  // elements
  int32_t width_ = 0;
  int32_t begin_ = 0;  // first column that is read, and how many
  int32_t pixels_ = 0;
  int32_t most_taps_ = 0;  // of a column
  std::vector<Run> runs_;
  std::vector<FilterTaps> taps_;
  std::vector<int32_t> first_;
  std::vector<float> weights_, row_weights_, planes_, sums_, turned_;
};

}  // namespace warpmix::augment
