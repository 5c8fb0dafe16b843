// One source image of a sample of any program on the CPU: planes of floats that geometry fills and
// colour and occlusion change in place.
#pragma once

#include <vector>

#include "../sample.h"
#include "bilinear_sampler.h"
#include "cubic_sampling.h"
#include "gather.h"
#include "painter.h"
#include "plane_loops.h"
#include "prefetch_rows.h"
#include "resample_rows.h"

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
        sampler_(params),
        cubic_(params.out_width) {}

  // `draws` of this side, `post` of the sample itself.
  void prepare(const StageDraw* draws, const StageDraw* post, int32_t row) {
    draws_ = draws;
    const SourceImage source = source_image(params_, row);
    image_ = static_cast<const Source*>(params_.images) + source.first;
    row_stride_ = source.row_stride;
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
    if (program.map_is_bicubic) {
      cubic_.begin({image_, pre_columns_.data(), pre_rows_.data(),
                    fold_of(program.map_border, program.map_width),
                    fold_of(program.map_border, program.map_height), params_.channel_stride,
                    params_.channels, program.fill});
    }
  }

  // Of chunks that are painted: with their partner's they stay in a 256 KiB share of a second-level
  // cache.
  int32_t chunk_rows() const {
    constexpr int32_t kChunkElements = 16384;
    return max_of(1, kChunkElements / (params_.out_width * params_.channels));
  }

  // Where an applied contrast pivots on a mean of the image as it enters, makes the image as it
  // enters the last of them: only then is anything known of the pixels that leave it.
  void take_means() {
    const Program& program = params_.program;
    first_row_ = 0;
    next_color_ = program.geometry_end;
    has_means_ = false;
    for (int32_t i = program.geometry_end; i < program.color_end; ++i) {
      if (draws_[i].on && program.stages[i].mean != kSourceMean) {
        sum_entering(i);
        next_color_ = i;
        has_means_ = true;
      }
    }
  }

  // Makes rows [begin, end) as they enter the mix; of an image that has a mean each once.
  void paint(int32_t begin, int32_t end) {
    if (!has_means_) {
      first_row_ = begin;
      take_pixels(begin, end);
    }
    apply_colors(params_.program.color_end, begin, end);
    painted_ = {begin, end};
    painter().blacken_around(side_.keep);
    apply_patches(side_.patches);
  }

  // Row y, which has been painted, of a channel.
  float* row(int32_t channel, int32_t y) {
    return values_.data() + channel * plane_ +
           static_cast<int64_t>(y - first_row_) * params_.out_width;
  }

  // Elements from a channel's plane to the next.
  int64_t plane() const { return plane_; }

  void apply_patches(const Patches& patches) { painter().apply(patches); }

 private:
  // ---- geometry ---------------------------------------------------------------------------------

  void take_pixels(int32_t begin, int32_t end) {
    const int32_t* const rows = rows_.data() + begin;
    const int32_t count = end - begin;
    float* const first = row(0, begin);
    if (side_.map.whole) {
      gatherer_.gather(image_, row_stride_, rows, count, runs_, {0, params_.out_width}, first,
                       params_.out_width);
    } else if constexpr (!kOnlyMoves<Source>) {
      if (side_.resampling.applies) {
        resampled_.paint(rows, count, first, plane_);
      } else if (params_.program.map_is_bicubic) {
        const int32_t width = params_.out_width;
        for (int32_t y = 0; y < count; ++y) {
          cubic_.sample(projection_of(side_.map, Interpolation::kBicubic), columns_.data(), rows[y],
                        first + static_cast<int64_t>(y) * width, plane_);
        }
      } else {
        sampler_.sample(sampled_image(), side_.map, columns_.data(), rows, count, first, plane_);
      }
    }
  }

  SampledImage<Source> sampled_image() const {
    const int64_t elements = is_mixed(params_) ? params_.pixel_count * params_.channels
                                               : params_.image_count * params_.image_stride;
    const int64_t first = image_ - static_cast<const Source*>(params_.images);
    return {image_,
            -first,
            elements - first,
            row_stride_,
            pre_columns_.data(),
            pre_rows_.data(),
            static_cast<int32_t>(pre_columns_.size()),
            static_cast<int32_t>(pre_rows_.size())};
  }

  // ---- colour -----------------------------------------------------------------------------------

  // The sums of the image as it enters a colour stage.
  void sum_entering(int32_t stage) {
    int64_t sums[kMaxChannels] = {};
    const int32_t height = params_.out_height;
    const int32_t rows = chunk_rows();
    for (int32_t y = 0; y < height; y += rows) {
      const int32_t end = min_of(height, y + rows);
      if (!has_means_) {
        take_pixels(y, end);
      }
      apply_colors(stage, y, end);
      for (int32_t c = 0; c < params_.channels; ++c) {
        sums[c] += sum_plane(row(c, y), (end - y) * params_.out_width);
      }
    }
    std::copy_n(sums, params_.channels, entering_);
  }

  // The stages from the next one to `stage`, to rows [begin, end).
  void apply_colors(int32_t stage, int32_t begin, int32_t end) {
    for (int32_t i = next_color_; i < stage; ++i) {
      if (draws_[i].on) {
        apply_color(params_.program.stages[i], draws_[i], begin, end);
      }
    }
  }

  void apply_color(const Stage& stage, const StageDraw& draw, int32_t begin, int32_t end) {
    const int64_t* const sums =
        stage.mean == kSourceMean ? pivot_sums(params_, stage, 0, 0, side_.row) : entering_;
    ColorStep step;
    set_step(stage, draw, sums, params_.channels, pivot_pixels<false>(params_, stage, side_.row),
             step);
    const int32_t width = params_.out_width;
    change_planes(step,
                  {row(0, begin), plane_, params_.channels, (end - begin) * width, begin * width});
  }

  // ---- occlusion --------------------------------------------------------------------------------

  // Of the rows that have been painted.
  Painter<float> painter() {
    const int32_t width = params_.out_width;
    return {params_, {row(0, 0), plane_, width, 1}, {0, painted_.begin, width, painted_.end}};
  }

  const AugmentParams& params_;
  const int64_t plane_;
  const Gatherer<Source, float> gatherer_;
  std::vector<float> values_;
  std::vector<int32_t> columns_, rows_;  // of the map's result, or of the source
  // Offsets in the source of each column and row that enters the map, or kOutside.
  std::vector<int32_t> pre_columns_, pre_rows_;
  BilinearSampler<Source> sampler_;
  CubicRows<Source> cubic_;
  std::vector<Run> runs_;
  ResampledRows<Source> resampled_;
  const StageDraw* draws_ = nullptr;
  const Source* image_ = nullptr;
  int32_t row_stride_ = 0;
  Side side_;
  bool has_means_ = false;
  int32_t next_color_ = 0;          // the first stage that is not applied yet,
  int64_t entering_[kMaxChannels];  // and if it pivots on a mean, that mean's sums
  int32_t first_row_ = 0;           // that `values_` begins with
  Range painted_ = {0, 0};
};

}  // namespace warpmix::augment
