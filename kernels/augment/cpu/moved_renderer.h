// The CPU's way through one sample of float images of any range whose batch has their type: pixels
// that are only moved are copied to where they belong, bits and all. MixUp blends floats.
#pragma once

#include <vector>

#include "general_renderer.h"

namespace warpmix::augment {

// Of a launch of `Element`s that neither rounds nor scales what it moves.
inline bool only_moves(const AugmentParams& params) {
  bool unchanged = !params.program.clips;
  for (int32_t c = 0; c < params.channels; ++c) {
    unchanged = unchanged && params.scale[c] == 1.0f &&
                bits_from_float(params.bias[c]) == bits_from_float(-0.0f);
  }
  return unchanged;
}

template <typename Element>
class MovedRenderer {
 public:
  explicit MovedRenderer(const AugmentParams& params)
      : params_(params),
        blending_(params),
        gatherer_(params, params.out_channel_stride == 1, params.out_channel_stride),
        columns_(params.out_width),
        rows_(params.out_height) {}

  // Samples [begin, end).
  void render(int32_t begin, int32_t end) {
    for (int32_t position = begin; position < end; ++position) {
      render(position);
    }
  }

 private:
  void render(int32_t position) {
    const SampleDraws drawn = draw_sample<false>(params_, position, draws_);
    const Mixing mixing = resolve_mixing(params_.program, draws_[0]);
    if (mixing.mix == Mix::kBlend) {
      return blending_.render(position, position + 1);
    }
    Element* first = static_cast<Element*>(params_.batch) + position * params_.out_image_stride;
    const PixelOrder<Element> out = {first, params_.out_channel_stride, params_.out_row_stride,
                                     params_.out_pixel_stride};
    const Box all = {0, 0, params_.out_width, params_.out_height};
    move(0, drawn.own.row, all, out);
    if (mixing.mix == Mix::kCut && mixing.box.x0 < mixing.box.x1 && mixing.box.y0 < mixing.box.y1) {
      move(1, drawn.partner.row, mixing.box, out);
    }
    resolve_patches(params_.program, draws_[0], params_.program.mix_end, params_.program.count,
                    after_);
    Painter<Element>(params_, out, all).apply(after_);
    write_targets(params_, position, drawn.own.row, drawn.partner.row, mixing.lam);
  }

  // What the box of the result shows of one side, up to the mix.
  void move(int32_t s, int32_t row, Box box, const PixelOrder<Element>& out) {
    const Program& program = params_.program;
    resolve_shape<false>(params_, draws_[s], draws_[0], row, side_);
    const AxisPart columns = part_of(columns_, {box.x0, box.x1});
    tabulate_axis(program, draws_[s], side_.map, 0, columns);
    find_runs(columns, runs_);
    tabulate_axis(program, draws_[s], side_.map, 1, part_of(rows_, {box.y0, box.y1}));
    const SourceImage source = source_image(params_, row);
    gatherer_.gather(static_cast<const Element*>(params_.images) + source.first, source.row_stride,
                     rows_.data() + box.y0, box.y1 - box.y0, runs_, {box.x0, box.x1},
                     out.first + box.y0 * out.row_stride, out.row_stride);
    const Painter<Element> painter(params_, out, box);
    painter.blacken_around(side_.keep);
    painter.apply(side_.patches);
  }

  const AugmentParams& params_;
  GeneralRenderer<Element> blending_;
  const Gatherer<Element, Element> gatherer_;
  std::vector<int32_t> columns_, rows_;
  std::vector<Run> runs_;
  StageDraw draws_[2][kMaxStages];
  Side side_;
  Patches after_;
};

}  // namespace warpmix::augment
