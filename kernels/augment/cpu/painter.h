// What covers pixels on the CPU, boxes and squares of one colour and random ones, in memory of any
// order of elements.
#pragma once

#include <algorithm>
#include <vector>

#include "../occlusion.h"
#include "plane_loops.h"

namespace warpmix::augment {

// Where pixel (x, y) of channel c lies: first[c * channel_stride + y * row_stride + x *
// pixel_stride].
template <typename Element>
struct PixelOrder {
  Element* first;
  int64_t channel_stride;
  int64_t row_stride;
  int32_t pixel_stride;
};

// Paints what lies in `clip`. Values are rounded to the elements' type, as at the end of a launch.
template <typename Element>
class Painter {
 public:
  Painter(const AugmentParams& params, const PixelOrder<Element>& pixels, Box clip)
      : params_(params), pixels_(pixels), clip_(clip) {}

  void apply(const Patches& patches) const {
    for (int32_t i = 0; i < patches.count; ++i) {
      const Patch& patch = patches.patch[i];
      if (is_random(params_.program, patch)) {
        fill_randomly(patch);
        continue;
      }
      float value[kMaxChannels];
      for (int32_t c = 0; c < params_.channels; ++c) {
        value[c] = patch_value(params_.program, patch, c);
      }
      if (patch.is_grid) {
        fill_squares(patch.grid, value);
      } else {
        fill_box(patch.box, value);
      }
    }
  }

  // All but the box.
  void blacken_around(const Box& keep) const {
    const float black[kMaxChannels] = {};
    const int32_t width = params_.out_width;
    const int32_t height = params_.out_height;
    fill_box({0, 0, width, keep.y0}, black);
    fill_box({0, keep.y1, width, height}, black);
    fill_box({0, keep.y0, keep.x0, keep.y1}, black);
    fill_box({keep.x1, keep.y0, width, keep.y1}, black);
  }

 private:
  Element* place(int32_t channel, int32_t y, int32_t x) const {
    return pixels_.first + channel * pixels_.channel_stride + y * pixels_.row_stride +
           static_cast<int64_t>(x) * pixels_.pixel_stride;
  }

  void fill_box(Box box, const float* value) const {
    const Box part = intersection(box, clip_);
    const int32_t count = part.x1 - part.x0;
    for (int32_t y = part.y0; y < part.y1 && count > 0; ++y) {
      for (int32_t c = 0; c < params_.channels; ++c) {
        const Element element = rounded<Element>(value[c]);
        Element* out = place(c, y, part.x0);
        if (pixels_.pixel_stride == 1) {
          std::fill(out, out + count, element);
          continue;
        }
        for (int32_t x = 0; x < count; ++x, out += pixels_.pixel_stride) {
          *out = element;
        }
      }
    }
  }

  void fill_randomly(const Patch& patch) const {
    const Box part = intersection(patch.box, clip_);
    const int32_t count = part.x1 - part.x0;
    if (count <= 0) {
      return;
    }
    std::vector<float> normals(params_.program.clips ? 0 : count);
    for (int32_t y = part.y0; y < part.y1; ++y) {
      const int32_t first_pixel = y * params_.out_width + part.x0;
      for (int32_t c = 0; c < params_.channels && !params_.program.clips; ++c) {
        fill_normals(patch.key, first_pixel, c, count, normals.data());
        for (int32_t x = 0; x < count; ++x) {
          *place(c, y, part.x0 + x) = rounded<Element>(normals[x]);
        }
      }
      for (int32_t x = 0; x < count && params_.program.clips; ++x) {
        const Philox4 bytes = pixel_bytes(patch, first_pixel + x);
        for (int32_t c = 0; c < params_.channels; ++c) {
          *place(c, y, part.x0 + x) = rounded<Element>(byte_of_channel(bytes, c));
        }
      }
    }
  }

  void fill_squares(const GridMaskDraw& grid, const float* value) const {
    for (int32_t y = -grid.offset_y; y < params_.out_height; y += grid.period) {
      for (int32_t x = -grid.offset_x; x < params_.out_width; x += grid.period) {
        fill_box({max_of(x, 0), max_of(y, 0), min_of(x + grid.square, params_.out_width),
                  min_of(y + grid.square, params_.out_height)},
                 value);
      }
    }
  }

  const AugmentParams& params_;
  const PixelOrder<Element> pixels_;
  const Box clip_;
};

}  // namespace warpmix::augment
