// The CPU's way through a sample of a whole-image launch: planes of floats that its operation
// changes, or some rows at a time where none applies.
#pragma once

#include <vector>

#include "../draw.h"
#include "../sample.h"
#include "image_loops.h"
#include "store_rows.h"

namespace warpmix::augment {

// Makes samples one after the other; owns the planes, so one a thread.
template <typename Source>
class WholeImageRenderer {
 public:
  explicit WholeImageRenderer(const AugmentParams& params)
      : params_(params),
        plane_(static_cast<int64_t>(params.width) * params.height),
        values_(plane_ * params.channels) {}

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
    const bool is_changed = operation.operation != Operation::kNone;
    const int32_t rows = is_changed ? height : chunk_rows(params_);
    for (int32_t y = 0; y < height; y += rows) {
      const int32_t end = min_of(height, y + rows);
      read_rows(image, y, end);
      change(operation);
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

  void change(const ImageOperation& operation) {
    const int32_t count = static_cast<int32_t>(plane_);
    for (int32_t c = 0; c < params_.channels; ++c) {
      switch (operation.operation) {
        case Operation::kNone:
          return;
        case Operation::kAutocontrast: {
          const Extremes extremes = extremes_of(plane(c), count);
          stretch_plane(plane(c), count, stretch_of(extremes.lowest, extremes.highest));
          break;
        }
        case Operation::kEqualize: {
          float becomes[kLevels];
          levels_.resize(plane_);
          find_levels(plane(c), count, levels_.data());
          equalize_levels(levels_.data(), count, becomes);
          replace_levels(levels_.data(), count, becomes, plane(c));
          break;
        }
      }
    }
  }

  const AugmentParams& params_;
  const int64_t plane_;
  std::vector<float> values_;
  std::vector<uint8_t> levels_;
};

}  // namespace warpmix::augment
