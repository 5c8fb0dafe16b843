// Writing rows of the CPU's planes of floats to the batch.
#pragma once

#include "interleaved.h"
#include "plane_loops.h"

namespace warpmix::augment {

// Rows that are made together. With a partner's, their floats stay in a 256 KiB share of a
// second-level cache.
inline int32_t chunk_rows(const AugmentParams& params) {
  constexpr int32_t kChunkElements = 16384;
  return max_of(1, kChunkElements / (params.out_width * params.channels));
}

// Rows [begin, end) of the sample at `position`: plane(c) is row `begin` of channel c, and those
// after it follow. `streams`: see exceeds_cache.
template <typename Plane>
void store_rows(const AugmentParams& params, int32_t position, int32_t begin, int32_t end,
                bool streams, const Plane& plane) {
  const int32_t count = (end - begin) * params.out_width;
  const int64_t first =
      position * params.out_image_stride + static_cast<int64_t>(begin) * params.out_row_stride;
  with_out_type(params.out_type, [&](auto element) {
    using Out = decltype(element);
    Out* out = static_cast<Out*>(params.batch) + first;
    if (params.out_channel_stride == 1 && params.channels == 3) {
      const RgbScale by = {{params.scale[0], params.scale[1], params.scale[2]},
                           {params.bias[0], params.bias[1], params.bias[2]}};
      return store_pixels({plane(0), plane(1) - plane(0)}, count, by, streams, out);
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
