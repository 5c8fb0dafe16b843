// One source image of a sample of any program on the CPU: planes of floats that geometry fills and
// colour and occlusion change in place.
#pragma once

#include <vector>

#include "../sample.h"
#include "gather.h"
#include "painter.h"
#include "plane_loops.h"
#include "prefetch_rows.h"
#include "resample_rows.h"
#include "rgb_taps.h"

namespace warpmix::augment {

// The planes of one source image of a sample, and how they are made.
template <typename Source>
class Canvas {
 public:
  explicit Canvas(const AugmentParams& params)
      : params_(params),
        plane_(static_cast<int64_t>(params.out_width) * params.out_height),
        gatherer_(params, false, plane_),
        values_(plane_ * params.channels),
        columns_(params.out_width),
        rows_(params.out_height),
        pre_columns_(params.program.map_width),
        pre_rows_(params.program.map_height),
        sampled_rows_(max_of(1, kSampledPixels / params.out_width)),
        taps_(static_cast<size_t>(5) * sampled_rows_ * params.out_width),
        corners_(static_cast<size_t>(4) * sampled_rows_ * params.out_width),
        weights_(static_cast<size_t>(2) * sampled_rows_ * params.out_width) {}

  // `draws` of this side, `post` of the sample itself.
  void prepare(const StageDraw* draws, const StageDraw* post, int32_t row) {
    draws_ = draws;
    const SourceImage source = source_image(params_, row);
    image_ = static_cast<const Source*>(params_.images) + source.first;
    row_stride_ = source.row_stride;
    image_elements_ = is_mixed(params_) ? source.extent.height * row_stride_ : params_.image_stride;
    resolve_shape<false>(params_, draws, post, row, side_);
    const Program& program = params_.program;
    if (side_.map.whole) {
      tabulate_axis(program, draws, side_.map, 0, all_of(columns_));
      find_runs(all_of(columns_), runs_);
      tabulate_axis(program, draws, side_.map, 1, all_of(rows_));
      return;
    }
    if (program.map_width == 0) {
      const Extent extent =
          entering_extent(program.stages[program.map_begin], draws[program.map_begin]);
      pre_columns_.resize(extent.width);
      pre_rows_.resize(extent.height);
    }
    if (!side_.resampling.applies && params_.channel_stride == 1) {
      prefetch_rows(side_.map, params_.out_width, params_.out_height, image_,
                    row_stride_ * int64_t{sizeof(Source)}, source.extent.height);
    }
    const auto tabulate = [&](int32_t begin, int32_t end, int32_t axis, auto& table) {
      tabulate_stages(program, draws, begin, end, axis, all_of(table));
    };
    tabulate(program.map_end, program.geometry_end, 0, columns_);
    tabulate(program.map_end, program.geometry_end, 1, rows_);
    tabulate(0, program.map_begin, 0, pre_columns_);
    tabulate(0, program.map_begin, 1, pre_rows_);
    scale_table(params_.pixel_stride, pre_columns_);
    scale_table(row_stride_, pre_rows_);
    if constexpr (!kOnlyMoves<Source>) {
      if (side_.resampling.applies) {
        resampled_.prepare({image_, pre_columns_.data(), pre_rows_.data(), params_.channels,
                            params_.channel_stride},
                           side_.resampling, columns_, program.fill);
      }
    }
  }

  // Some applied contrast pivots on a mean of the whole image as it enters.
  bool needs_whole_image() const {
    const Program& program = params_.program;
    for (int32_t i = program.geometry_end; i < program.color_end; ++i) {
      if (draws_[i].on && program.stages[i].mean != kSourceMean) {
        return true;
      }
    }
    return false;
  }

  // Makes rows [begin, end) as they enter the mix.
  void paint(int32_t begin, int32_t end) {
    begin_ = begin;
    rows_painted_ = end - begin;
    if (side_.map.whole) {
      copy_pixels();
    } else if constexpr (!kOnlyMoves<Source>) {
      if (side_.resampling.applies) {
        resampled_.paint(rows_.data() + begin, rows_painted_, row(0, begin), plane_);
      }
      for (int32_t y = begin; !side_.resampling.applies && y < end; y += sampled_rows_) {
        sample_rows(y, min_of(sampled_rows_, end - y));
      }
    }
    apply_colors();
    painter().blacken_around(side_.keep);
    apply_patches(side_.patches);
  }

  // Row y, which has been painted, of a channel.
  float* row(int32_t channel, int32_t y) {
    return values_.data() + channel * plane_ + static_cast<int64_t>(y - begin_) * params_.out_width;
  }

  // Elements from a channel's plane to the next.
  int64_t plane() const { return plane_; }

  void apply_patches(const Patches& patches) { painter().apply(patches); }

 private:
  int32_t painted_elements() const { return rows_painted_ * params_.out_width; }

  // ---- geometry ---------------------------------------------------------------------------------

  void copy_pixels() {
    gatherer_.gather(image_, row_stride_, rows_.data() + begin_, rows_painted_, runs_,
                     {0, params_.out_width}, values_.data(), params_.out_width);
  }

  // `rows` rows from y on, whose pixels the map takes from between pixels.
  void sample_rows(int32_t y, int32_t rows) {
    const Program& program = params_.program;
    const int32_t count = rows * params_.out_width;
    int32_t* const whole = taps_.data();
    float* const weights = weights_.data();
    const RowTaps taps = {whole,   whole + count,   whole + 2 * count, whole + 3 * count,
                          weights, weights + count, whole + 4 * count};
    tap_rows(program.map_border, side_.map, columns_.data(), rows_.data() + y, rows,
             params_.out_width, static_cast<int32_t>(pre_columns_.size()),
             static_cast<int32_t>(pre_rows_.size()), taps);
    int32_t* const corners = corners_.data();
    find_corners(taps, count, corners);
    if constexpr (sizeof(Source) == 1) {
      if (reads_rgb_words()) {
        const int32_t last_word = static_cast<int32_t>(image_elements_) - 4;
        const RgbTaps rgb = {image_, last_word, corners, taps, program.fill, count};
        return sample_rgb(rgb, row(0, y), row(1, y), row(2, y));
      }
    }
    const int32_t* const offsets[4] = {corners, corners + count, corners + 2 * count,
                                       corners + 3 * count};
    for (int32_t c = 0; c < params_.channels; ++c) {
      sample_taps(image_ + static_cast<int64_t>(c) * params_.channel_stride, offsets, taps,
                  program.fill[c], count, row(c, y));
    }
  }

  // Offsets of the four taps of `count` pixels, or -1 for the fill.
  void find_corners(RowTaps taps, int32_t count, int32_t* corners) const {
    if (params_.program.map_begin == 0) {
      corner_offsets(taps, params_.pixel_stride, row_stride_, count, corners);
      return;
    }
    for (int32_t i = 0; i < count; ++i) {
      const int32_t x[2] = {pre_columns_[taps.x0[i]], pre_columns_[taps.x1[i]]};
      const int32_t y[2] = {pre_rows_[taps.y0[i]], pre_rows_[taps.y1[i]]};
      for (int32_t k = 0; k < 4; ++k) {
        const bool outside = (x[k % 2] | y[k / 2]) < 0;
        corners[k * count + i] = outside ? kOutside : x[k % 2] + y[k / 2];
      }
    }
  }

  // Pixels are three adjacent bytes, and none of their taps can be the fill.
  bool reads_rgb_words() const {
    return params_.channels == 3 && params_.channel_stride == 1 && params_.program.map_begin == 0 &&
           image_elements_ >= 4;
  }

  // ---- colour -----------------------------------------------------------------------------------

  void apply_colors() {
    const Program& program = params_.program;
    for (int32_t i = program.geometry_end; i < program.color_end; ++i) {
      if (draws_[i].on) {
        apply_color(program.stages[i], draws_[i]);
      }
    }
  }

  void apply_color(const Stage& stage, const StageDraw& draw) {
    int64_t entering[kMaxChannels];
    const int64_t* sums = entering;
    if (stage.mean == kSourceMean) {
      sums = pivot_sums(params_, stage, 0, 0, side_.row);
    } else {
      for (int32_t c = 0; c < params_.channels; ++c) {
        entering[c] = sum_plane(row(c, begin_), painted_elements());
      }
    }
    ColorStep step;
    set_step(stage, draw, sums, params_.channels, pivot_pixels<false>(params_, stage, side_.row),
             step);
    change_planes(step, {row(0, begin_), plane_, params_.channels, painted_elements(),
                         begin_ * params_.out_width});
  }

  // ---- occlusion --------------------------------------------------------------------------------

  // Of the rows that have been painted.
  Painter<float> painter() {
    const int32_t width = params_.out_width;
    return {params_, {row(0, 0), plane_, width, 1}, {0, begin_, width, begin_ + rows_painted_}};
  }

  // Pixels that are sampled together: their 15 numbers each stay in a 32 KiB first-level cache.
  static constexpr int32_t kSampledPixels = 512;

  const AugmentParams& params_;
  const int64_t plane_;
  const Gatherer<Source, float> gatherer_;
  std::vector<float> values_;
  std::vector<int32_t> columns_, rows_;  // of the map's result, or of the source
  // Offsets in the source of each column and row that enters the map, or kOutside.
  std::vector<int32_t> pre_columns_, pre_rows_;
  const int32_t sampled_rows_;
  std::vector<int32_t> taps_, corners_;
  std::vector<float> weights_;
  std::vector<Run> runs_;
  ResampledRows<Source> resampled_;
  const StageDraw* draws_ = nullptr;
  const Source* image_ = nullptr;
  int32_t row_stride_ = 0;
  int64_t image_elements_ = 0;  // from its first on
  Side side_;
  int32_t begin_ = 0;
  int32_t rows_painted_ = 0;
};

}  // namespace warpmix::augment
