// Writing rows of the CPU's planes of floats to the batch.
#pragma once

#include "plane_loops.h"

namespace warpmix::augment {

// Rows [begin, end) of the sample at `position`: plane(c) is row `begin` of channel c, and those
// after it follow.
template <typename Plane>
void store_rows(const AugmentParams& params, int32_t position, int32_t begin, int32_t end,
                const Plane& plane) {
  const int32_t count = (end - begin) * params.out_width;
  const int64_t first =
      position * params.out_image_stride + static_cast<int64_t>(begin) * params.out_row_stride;
  with_out_type(params.out_type, [&](auto element) {
    using Out = decltype(element);
    Out* out = static_cast<Out*>(params.batch) + first;
    if (params.out_channel_stride == 1 && params.channels == 3) {
      return store_pixels(plane(0), plane(1), plane(2), count, params.scale, params.bias, out);
    }
    for (int32_t c = 0; c < params.channels; ++c) {
      const float* values = plane(c);
      Out* target = out + static_cast<int64_t>(c) * params.out_channel_stride;
      if (params.out_pixel_stride == 1) {
        store_plane(values, count, params.scale[c], params.bias[c], target);
        continue;
      }
      for (int32_t i = 0; i < count; ++i) {
        target[static_cast<int64_t>(i) * params.out_pixel_stride] =
            rounded<Out>(normalise(values[i], params.scale[c], params.bias[c]));
      }
    }
  });
}

}  // namespace warpmix::augment
