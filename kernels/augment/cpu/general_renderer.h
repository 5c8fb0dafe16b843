// The CPU's way through one sample of any program: canvases of the sample and its partner, which
// are mixed and written, some rows at a time where no mean needs all of them.
#pragma once

#include <algorithm>

#include "general_canvas.h"
#include "row_layout.h"

namespace warpmix::augment {

// Makes samples of any program one after the other; owns the canvases, so one a thread.
template <typename Source>
class GeneralRenderer {
 public:
  explicit GeneralRenderer(const AugmentParams& params)
      : params_(params),
        streams_(exceeds_cache(params)),
        scale_{{params.scale[0], params.scale[1], params.scale[2]},
               {params.bias[0], params.bias[1], params.bias[2]}},
        own_(params),
        partner_(params) {}

  // Samples [begin, end).
  void render(int32_t begin, int32_t end) {
    for (int32_t position = begin; position < end; ++position) {
      render(position);
    }
    finish_streams();
  }

 private:
  // Floats of a chunk: with its partner's they stay in a 256 KiB share of a second-level cache.
  static constexpr int32_t kChunkElements = 16384;

  void render(int32_t position) {
    const Program& program = params_.program;
    const SampleDraws drawn = draw_sample<false>(params_, position, draws_);
    mixing_ = resolve_mixing(program, draws_[0]);
    resolve_patches(program, draws_[0], program.mix_end, program.count, after_);
    own_.prepare(draws_[0], draws_[0], drawn.own.row);
    bool whole_image = own_.needs_whole_image();
    if (mixing_.mix != Mix::kNone) {
      partner_.prepare(draws_[1], draws_[0], drawn.partner.row);
      whole_image = whole_image || partner_.needs_whole_image();
    }
    write_targets(params_, position, drawn.own.row, drawn.partner.row, mixing_.lam);
    const int32_t height = params_.out_height;
    const int32_t rows =
        whole_image ? height : max_of(1, kChunkElements / (params_.out_width * params_.channels));
    const int64_t image = position * params_.out_image_stride;
    for (int32_t y = 0; y < height; y += rows) {
      const int32_t end = min_of(height, y + rows);
      own_.paint(y, end);
      mix(y, end);
      own_.apply_patches(after_);
      with_out_type(params_.out_type, [&](auto element) {
        store_rows(y, end,
                   static_cast<decltype(element)*>(params_.batch) + image +
                       static_cast<int64_t>(y) * params_.out_row_stride);
      });
    }
  }

  void mix(int32_t begin, int32_t end) {
    const int32_t width = params_.out_width;
    if (mixing_.mix == Mix::kBlend) {
      partner_.paint(begin, end);
      for (int32_t c = 0; c < params_.channels; ++c) {
        blend_plane(own_.row(c, begin), partner_.row(c, begin), (end - begin) * width, mixing_.lam);
      }
    } else if (mixing_.mix == Mix::kCut) {
      const Box& box = mixing_.box;
      const int32_t from = max_of(begin, box.y0);
      const int32_t to = min_of(end, box.y1);
      if (from >= to) {
        return;
      }
      partner_.needs_whole_image() ? partner_.paint(begin, end) : partner_.paint(from, to);
      for (int32_t y = from; y < to; ++y) {
        for (int32_t c = 0; c < params_.channels; ++c) {
          std::copy(partner_.row(c, y) + box.x0, partner_.row(c, y) + box.x1,
                    own_.row(c, y) + box.x0);
        }
      }
    }
  }

  template <typename Out>
  void store_rows(int32_t begin, int32_t end, Out* out) {
    const int32_t count = (end - begin) * params_.out_width;
    if (params_.out_channel_stride == 1 && params_.channels == 3) {
      const RgbPlanes<const float> planes = {own_.row(0, begin), own_.plane()};
      store_pixels(planes, count, scale_, streams_, out);
      return;
    }
    for (int32_t c = 0; c < params_.channels; ++c) {
      const float* plane = own_.row(c, begin);
      Out* target = out + static_cast<int64_t>(c) * params_.out_channel_stride;
      if (params_.out_pixel_stride == 1) {
        store_plane(plane, count, params_.scale[c], params_.bias[c], target);
        continue;
      }
      for (int32_t i = 0; i < count; ++i) {
        target[static_cast<int64_t>(i) * params_.out_pixel_stride] =
            rounded<Out>(normalise(plane[i], params_.scale[c], params_.bias[c]));
      }
    }
  }

  const AugmentParams& params_;
  const bool streams_;
  const RgbScale scale_;  // where there are three channels
  Canvas<Source> own_, partner_;
  StageDraw draws_[2][kMaxStages];
  Mixing mixing_;
  Patches after_;
};

}  // namespace warpmix::augment
