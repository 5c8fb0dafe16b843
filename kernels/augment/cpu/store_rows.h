// Writing rows of the CPU's planes of floats to the batch.
#pragma once

#include "interleaved.h"
#include "plane_loops.h"
#include "row_layout.h"

namespace warpmix::augment {

class RowStore {
 public:
  explicit RowStore(const AugmentParams& params)
      : params_(params),
        streams_(exceeds_cache(params)),
        scale_{{params.scale[0], params.scale[1], params.scale[2]},
               {params.bias[0], params.bias[1], params.bias[2]}} {}

  // Rows [begin, end) of the sample at `position`; `first` is row `begin` of channel 0, from plane
  // to plane there are `plane` elements. finish_streams() orders them.
  void store(int32_t position, int32_t begin, int32_t end, const float* first,
             int64_t plane) const {
    const int32_t count = (end - begin) * params_.out_width;
    const int64_t place =
        position * params_.out_image_stride + static_cast<int64_t>(begin) * params_.out_row_stride;
    with_out_type(params_.out_type, [&](auto element) {
      using Out = decltype(element);
      Out* out = static_cast<Out*>(params_.batch) + place;
      if (params_.out_channel_stride == 1 && params_.channels == 3) {
        return store_pixels({first, plane}, count, scale_, streams_, out);
      }
      for (int32_t c = 0; c < params_.channels; ++c) {
        store_channel(first + c * plane, count, c,
                      out + static_cast<int64_t>(c) * params_.out_channel_stride);
      }
    });
  }

 private:
  template <typename Out>
  void store_channel(const float* plane, int32_t count, int32_t channel, Out* out) const {
    const float scale = params_.scale[channel];
    const float bias = params_.bias[channel];
    if (params_.out_pixel_stride == 1) {
      return store_plane(plane, count, scale, bias, out);
    }
    for (int32_t i = 0; i < count; ++i) {
      out[static_cast<int64_t>(i) * params_.out_pixel_stride] =
          rounded<Out>(normalise(plane[i], scale, bias));
    }
  }

  const AugmentParams& params_;
  const bool streams_;
  const RgbScale scale_;  // where there are three channels
};

}  // namespace warpmix::augment
