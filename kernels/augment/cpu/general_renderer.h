// The CPU's way through one sample of any program: canvases of the sample and its partner, which
// are mixed and written, some rows at a time.
#pragma once

#include <algorithm>

#include "draw_ahead.h"
#include "general_canvas.h"
#include "store_rows.h"

namespace warpmix::augment {

// Makes samples of any program one after the other; owns the canvases, so one a thread.
template <typename Source>
class GeneralRenderer {
 public:
  explicit GeneralRenderer(const AugmentParams& params)
      : params_(params), store_(params), own_(params), partner_(params) {}

  // Samples [begin, end).
  void render(int32_t begin, int32_t end) {
    Drawn drawn[2];
    draw_and_prefetch<Source>(params_, begin, drawn[begin % 2]);
    for (int32_t position = begin; position < end; ++position) {
      if (position + 1 < end) {
        draw_and_prefetch<Source>(params_, position + 1, drawn[(position + 1) % 2]);
      }
      render(position, drawn[position % 2]);
    }
    finish_streams();
  }

 private:
  void render(int32_t position, const Drawn& drawn) {
    const Program& program = params_.program;
    const auto& draws = drawn.draws;
    const SampleDraws& samples = drawn.samples;
    mixing_ = resolve_mixing(program, draws[0]);
    resolve_patches(program, draws[0], program.mix_end, program.count, after_);
    own_.prepare(draws[0], draws[0], samples.own.row);
    if (mixing_.mix != Mix::kNone) {
      partner_.prepare(draws[1], draws[0], samples.partner.row);
      partner_.take_means();
    }
    own_.take_means();
    write_targets(params_, position, samples.own.row, samples.partner.row, mixing_.lam);
    const int32_t height = params_.out_height;
    const int32_t rows = own_.chunk_rows();
    for (int32_t y = 0; y < height; y += rows) {
      const int32_t end = min_of(height, y + rows);
      own_.paint(y, end);
      mix(y, end);
      own_.apply_patches(after_);
      store_.store(position, y, end, own_.row(0, y), own_.plane());
    }
  }

  void mix(int32_t begin, int32_t end) {
    const int32_t width = params_.out_width;
    if (mixing_.mix == Mix::kBlend) {
      partner_.paint(begin, end);
      for (int32_t c = 0; c < params_.channels; ++c) {
        blend_plane(own_.row(c, begin), partner_.row(c, begin), (end - begin) * width, mixing_.lam,
                    params_.program.clips);
      }
    } else if (mixing_.mix == Mix::kCut) {
      const Box& box = mixing_.box;
      const int32_t from = max_of(begin, box.y0);
      const int32_t to = min_of(end, box.y1);
      if (from >= to) {
        return;
      }
      partner_.paint(from, to);
      for (int32_t y = from; y < to; ++y) {
        for (int32_t c = 0; c < params_.channels; ++c) {
          std::copy(partner_.row(c, y) + box.x0, partner_.row(c, y) + box.x1,
                    own_.row(c, y) + box.x0);
        }
      }
    }
  }

  const AugmentParams& params_;
  const RowStore store_;
  Canvas<Source> own_, partner_;
  Mixing mixing_;
  Patches after_;
};

}  // namespace warpmix::augment
