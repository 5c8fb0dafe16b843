// The CPU's way through a sample of a whole-image launch: planes of floats that its operation
// changes, or where none applies the way of a launch without stages.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "../draw.h"
#include "../sample.h"
#include "image_loops.h"
#include "moved_rows.h"
#include "store_rows.h"
#include "whole_pixel_renderer.h"

namespace warpmix::augment {

// That launch, of the same samples.
inline AugmentParams without_stages(const AugmentParams& params) {
  AugmentParams plain = params;
  plain.program = {};
  plain.program.is_simple = true;
  plain.draws = nullptr;
  return plain;
}

// One whose images are planes.
inline AugmentParams of_planes(const AugmentParams& params) {
  AugmentParams planes = params;
  planes.pixel_stride = 1;
  planes.row_stride = params.width;
  planes.channel_stride = params.width * params.height;
  return planes;
}

// Makes samples one after the other; owns the planes, so one a thread.
template <typename Source, typename Out>
class WholeImageRenderer {
 public:
  explicit WholeImageRenderer(const AugmentParams& params)
      : params_(params),
        plain_(without_stages(params)),
        copier_(plain_),
        store_(params),
        plane_(static_cast<int64_t>(params.width) * params.height),
        gatherer_(params, false, plane_),
        all_rows_(params.height),
        whole_rows_{{0, params.width, 0, 1}},
        values_(plane_ * params.channels),
        moved_(params),
        planes_(of_planes(params)),
        moved_planes_(planes_) {
    start_table(all_of(all_rows_));
  }

  // Samples [begin, end).
  void render(int32_t begin, int32_t end) {
    for (int32_t position = begin; position < end; ++position) {
      render(position);
    }
    finish_streams();
  }

 private:
  void render(int32_t position) {
    const Sample sample = batch_sample(params_, position);
    StageDraw draw;
    const ImageOperation operation = sample_operation<true>(params_, position, sample, draw);
    const bool mixes = has_chains(params_.program) && draw.on != 0;
    if (operation.operation == Operation::kNone && !mixes) {
      return copier_.render(position, position + 1);
    }
    write_targets(params_, position, sample.row, sample.row, 1.0f);
    const Source* image =
        static_cast<const Source*>(params_.images) + source_image(params_, sample.row).first;
    if (mixes) {
      return mix_chains(position, sample, draw, image);
    }
    const int32_t height = params_.height;
    const int32_t rows = needs_whole_image(operation) ? height : chunk_rows();
    for (int32_t y = 0; y < height; y += rows) {
      const int32_t end = min_of(height, y + rows);
      if (operation.operation == Operation::kMove) {
        moved_.take(image, operation.projection, y, end, values_.data(), plane_);
      } else {
        gather(image, y, end);
        change(operation, (end - y) * params_.width);
      }
      store_.store(position, y, end, values_.data(), plane_);
    }
  }

  void gather(const Source* image, int32_t begin, int32_t end) {
    gatherer_.gather(image, params_.row_stride, all_rows_.data() + begin, end - begin, whole_rows_,
                     {0, params_.width}, values_.data(), params_.width);
  }

  // Chain after chain, each from the source; `first` is the draw of the first slot.
  void mix_chains(int32_t position, Sample sample, const StageDraw& first, const Source* image) {
    const Program& program = params_.program;
    const int32_t count = static_cast<int32_t>(plane_) * params_.channels;
    mix_.resize(count);
    gather(image, 0, params_.height);
    const bool is_given = params_.draws != nullptr;
    float shares[kMaxStages];
    const float own =
        is_given ? first.augmix.own : draw_shares(params_, program.stages[0], sample.id, shares);
    std::transform(values_.begin(), values_.end(), mix_.begin(),
                   [&](float value) { return own * value; });
    for (int32_t i = 0; i < program.count; i += program.stages[i].augmix.slots) {
      StageDraw draw = i == 0 ? first : whole_image_draw(params_, position, i, sample);
      const float share = is_given ? draw.augmix.share : shares[program.stages[i].augmix.chain];
      const int32_t depth = draw.augmix.depth;
      for (int32_t slot = 0; slot < depth; ++slot) {
        if (slot > 0) {
          draw = whole_image_draw(params_, position, i + slot, sample);
        }
        link(operation_of<true>(program.stages[i + slot], draw, params_.channels), slot, image);
      }
      for (int32_t k = 0; k < count; ++k) {
        mix_[k] = with_chain(mix_[k], share, values_[k]);
      }
    }
    for (float& value : mix_) {
      value = at_most(value, 255.0f);
    }
    store_.store(position, 0, params_.height, mix_.data(), plane_);
  }

  // One operation of a chain: on the source, and after the first slot in place.
  void link(const ImageOperation& operation, int32_t slot, const Source* image) {
    if (operation.operation != Operation::kMove) {
      if (slot == 0) {
        gather(image, 0, params_.height);
      }
      return change(operation, static_cast<int32_t>(plane_));
    }
    if (slot == 0) {
      return moved_.take(image, operation.projection, 0, params_.height, values_.data(), plane_);
    }
    left_.resize(values_.size());
    values_.swap(left_);
    moved_planes_.take(left_.data(), operation.projection, 0, params_.height, values_.data(),
                       plane_);
  }

  // Rows of which the floats stay in a 256 KiB share of a second-level cache.
  int32_t chunk_rows() const {
    constexpr int32_t kChunkElements = 32768;
    return max_of(1, kChunkElements / (params_.width * params_.channels));
  }

  float* plane(int32_t channel) { return values_.data() + channel * plane_; }

  void change(const ImageOperation& operation, int32_t count) {
    if (operation.operation == Operation::kColor) {
      return change_color(operation.color, count);
    }
    for (int32_t c = 0; c < params_.channels; ++c) {
      switch (operation.operation) {
        case Operation::kNone:
        case Operation::kMove:
        case Operation::kColor:
          return;
        case Operation::kSolarizeAdd:
          solarize_add_plane(plane(c), count, operation.factor);
          break;
        case Operation::kAutocontrast:
          stretch(plane(c));
          break;
        case Operation::kEqualize:
          equalize(plane(c));
          break;
        case Operation::kSharpness:
          sharpen(plane(c), operation.factor);
          break;
        case Operation::kBlur:
          blur(operation.blur, plane(c));
          break;
      }
    }
  }

  void change_color(PolicyColor color, int32_t count) {
    float offset = 0.0f;
    if (color.pivots) {
      int64_t sums[kMaxChannels];
      for (int32_t c = 0; c < params_.channels; ++c) {
        sums[c] = sum_plane(plane(c), count);
      }
      offset = policy_offset(color, sums, params_.channels, count);
    }
    ColorStep step;
    set_policy_step(color, offset, params_.channels, step);
    change_planes(step, {plane(0), plane_, params_.channels, count});
  }

  void stretch(float* values) const {
    const Extremes extremes = extremes_of(values, static_cast<int32_t>(plane_));
    stretch_plane(values, static_cast<int32_t>(plane_),
                  stretch_of(extremes.lowest, extremes.highest));
  }

  void equalize(float* values) {
    const int32_t count = static_cast<int32_t>(plane_);
    float becomes[kLevels];
    levels_.resize(plane_);
    find_levels(values, count, levels_.data());
    equalize_levels(levels_.data(), count, becomes);
    replace_levels(levels_.data(), count, becomes, values);
  }

  // In place: two rows are kept as they enter, the third is still to come.
  void sharpen(float* values, float factor) {
    const int32_t width = params_.width;
    rows_.resize(2 * static_cast<size_t>(width));
    float* above = rows_.data();
    float* own = above + width;
    std::copy_n(values, width, above);
    for (int32_t y = 1; y < params_.height - 1; ++y) {
      float* row = values + static_cast<int64_t>(y) * width;
      std::copy_n(row, width, own);
      sharpen_row(above, own, row + width, width, factor, row);
      std::swap(above, own);
    }
  }

  // Along rows into `passed_`, then along columns back.
  void blur(const BlurWindow& window, float* values) {
    const int32_t width = params_.width;
    const int32_t height = params_.height;
    passed_.resize(plane_);
    set_window(window.radius_x, window.sigma, weights_);
    for (int32_t y = 0; y < height; ++y) {
      const int64_t row = static_cast<int64_t>(y) * width;
      const float* own = reflected_row(values + row, window.radius_x);
      float* sums = passed_.data() + row;
      start_sums(own, weights_[0], width, sums);
      for (int32_t i = 1; i <= window.radius_x; ++i) {
        add_pairs(own - i, own + i, weights_[i], width, sums);
      }
    }
    set_window(window.radius_y, window.sigma, weights_);
    const Reentry reentry = reentry_of(Border::kReflect, height);
    const auto passed_row = [&](int32_t y) {
      return passed_.data() + static_cast<int64_t>(reentered(y, height, reentry)) * width;
    };
    for (int32_t y = 0; y < height; ++y) {
      float* sums = values + static_cast<int64_t>(y) * width;
      start_sums(passed_row(y), weights_[0], width, sums);
      for (int32_t i = 1; i <= window.radius_y; ++i) {
        add_pairs(passed_row(y - i), passed_row(y + i), weights_[i], width, sums);
      }
      end_sums(width, sums);
    }
  }

  // A copy of a row with what is reflected beyond its ends.
  const float* reflected_row(const float* values, int32_t radius) {
    const int32_t width = params_.width;
    rows_.resize(static_cast<size_t>(width) + 2 * radius);
    float* own = rows_.data() + radius;
    std::copy_n(values, width, own);
    for (int32_t i = 1; i <= radius; ++i) {
      own[-i] = values[i];
      own[width - 1 + i] = values[width - 1 - i];
    }
    return own;
  }

  const AugmentParams& params_;
  const AugmentParams plain_;
  WholePixelRenderer<Source, Out> copier_;
  const RowStore store_;
  const int64_t plane_;
  const Gatherer<Source, float> gatherer_;
  std::vector<int32_t> all_rows_;
  const std::vector<Run> whole_rows_;
  std::vector<float> values_;
  MovedRows<Source> moved_;
  const AugmentParams planes_;
  MovedRows<float> moved_planes_;
  std::vector<float> left_;  // by an operation of a chain, for the next
  std::vector<float> mix_;
  std::vector<uint8_t> levels_;
  std::vector<float> rows_;
  std::vector<float> passed_;
  std::vector<float> weights_;
};

}  // namespace warpmix::augment
