// The CPU's way through a sample of a whole-image launch: planes of floats that its operation
// changes, or some rows at a time where none applies.
#pragma once

#include <vector>

#include "../draw.h"
#include "../sample.h"
#include "image_loops.h"
#include "nearest_rows.h"
#include "store_rows.h"

namespace warpmix::augment {

// Makes samples one after the other; owns the planes, so one a thread.
template <typename Source>
class WholeImageRenderer {
 public:
  explicit WholeImageRenderer(const AugmentParams& params)
      : params_(params),
        plane_(static_cast<int64_t>(params.width) * params.height),
        values_(plane_ * params.channels),
        offsets_(params.width),
        words_(params.width) {}

  // Samples [begin, end).
  void render(int32_t begin, int32_t end) {
    for (int32_t position = begin; position < end; ++position) {
      render(position);
    }
  }

 private:
  void render(int32_t position) {
    const Sample sample = batch_sample(params_, position);
    const ImageOperation operation = sample_operation(params_, position, sample);
    write_targets(params_, position, sample.row, sample.row, 1.0f);
    const Source* image =
        static_cast<const Source*>(params_.images) + sample.row * params_.image_stride;
    const int32_t height = params_.height;
    const int32_t rows = needs_statistics(operation) ? height : chunk_rows(params_);
    for (int32_t y = 0; y < height; y += rows) {
      const int32_t end = min_of(height, y + rows);
      if (operation.operation == Operation::kMove) {
        take_rows(image, operation.map, y, end);
      } else {
        read_rows(image, y, end);
        change(operation, (end - y) * params_.width);
      }
      store_rows(params_, position, y, end, [&](int32_t c) { return plane(c); });
    }
  }

  float* plane(int32_t channel) { return values_.data() + channel * plane_; }

  void read_rows(const Source* image, int32_t begin, int32_t end) {
    const int32_t count = (end - begin) * params_.width;
    const Source* first = image + static_cast<int64_t>(begin) * params_.row_stride;
    if (params_.channels == 3 && params_.channel_stride == 1) {
      return read_pixels(first, plane(0), plane(1), plane(2), count);
    }
    for (int32_t c = 0; c < params_.channels; ++c) {
      const Source* in = first + static_cast<int64_t>(c) * params_.channel_stride;
      if (params_.pixel_stride == 1) {
        read_plane(in, plane(c), count);
        continue;
      }
      for (int32_t i = 0; i < count; ++i) {
        plane(c)[i] = static_cast<float>(in[static_cast<int64_t>(i) * params_.pixel_stride]);
      }
    }
  }

  // Rows of the nearest pixels of a map.
  void take_rows(const Source* image, const Map& map, int32_t begin, int32_t end) {
    const int32_t width = params_.width;
    const float* fill = params_.program.fill;
    for (int32_t y = begin; y < end; ++y) {
      const int64_t at = static_cast<int64_t>(y - begin) * width;
      nearest_offsets(map, y, width, params_.height, params_.pixel_stride, params_.row_stride,
                      offsets_.data());
      if constexpr (sizeof(Source) == 1) {
        if (params_.channels == 3 && params_.channel_stride == 1 && params_.image_stride >= 4) {
          const int32_t last_word = static_cast<int32_t>(params_.image_stride) - 4;
          take_rgb_words(image, offsets_.data(), last_word, width, words_.data());
          split_words(words_.data(), offsets_.data(), fill, width, plane(0) + at, plane(1) + at,
                      plane(2) + at);
          continue;
        }
      }
      for (int32_t c = 0; c < params_.channels; ++c) {
        take_plane(image + static_cast<int64_t>(c) * params_.channel_stride, offsets_.data(),
                   fill[c], width, plane(c) + at);
      }
    }
  }

  void change(const ImageOperation& operation, int32_t count) {
    switch (operation.operation) {
      case Operation::kNone:
      case Operation::kMove:
        return;
      case Operation::kAutocontrast:
        for (int32_t c = 0; c < params_.channels; ++c) {
          const Extremes extremes = extremes_of(plane(c), count);
          stretch_plane(plane(c), count, stretch_of(extremes.lowest, extremes.highest));
        }
        return;
      case Operation::kEqualize:
        levels_.resize(plane_);
        for (int32_t c = 0; c < params_.channels; ++c) {
          float becomes[kLevels];
          find_levels(plane(c), count, levels_.data());
          equalize_levels(levels_.data(), count, becomes);
          replace_levels(levels_.data(), count, becomes, plane(c));
        }
        return;
      case Operation::kColor:
        return change_color(operation.color, count);
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

  const AugmentParams& params_;
  const int64_t plane_;
  std::vector<float> values_;
  std::vector<int32_t> offsets_;  // of the pixels of a row
  std::vector<uint32_t> words_;
  std::vector<uint8_t> levels_;
};

}  // namespace warpmix::augment
