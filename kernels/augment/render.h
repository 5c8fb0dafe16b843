// The CPU's way through one sample of a simple program (see Program): its parameters, then its rows
// in bands that share coefficients.
#pragma once

#include <algorithm>
#include <vector>

#include "gather.h"
#include "rows.h"

namespace warpmix::augment {

// Makes samples one after the other; owns the row buffers, so one a thread.
template <typename Source, typename Out>
class Renderer {
 public:
  explicit Renderer(const AugmentParams& params)
      : params_(params),
        interleaved_(params.out_channel_stride == 1),
        count_(params.width * params.channels),
        band_rows_(max_of(1, min_of(params.height, kBandElements / count_))),
        gatherer_(params, interleaved_, params.width),
        rows_(params.height),
        columns_(params.width),
        zeros_(count_, 0.0f),
        ones_(count_, 1.0f),
        scale_(count_),
        bias_(count_),
        partner_values_(static_cast<size_t>(band_rows_) * count_) {
    spread(params.scale, scale_);
    spread(params.bias, bias_);
    for (Lane& lane : lanes_) {
      lane.factor.resize(count_);
      lane.offset.resize(count_);
      lane.own_offset.resize(count_);
      lane.source_row.resize(params.height);
      lane.pixels.resize(static_cast<size_t>(band_rows_) * count_);
    }
  }

  void render(int32_t position) {
    const SampleDraws drawn = draw_sample(params_, position, draws_);
    const Sample& own = drawn.own;
    const Sample& partner = drawn.partner;
    mixing_ = resolve_mixing(params_.program, draws_[0]);
    if (mixing_.mix != Mix::kNone) {
      prepare(1, partner.row);
    }
    prepare(0, own.row);
    write_targets(params_, position, own.row, partner.row, mixing_.lam);
    Out* image = static_cast<Out*>(params_.batch) + position * params_.out_image_stride;
    for (int32_t y = 0; y < params_.height;) {
      const int32_t end = band_end(y);
      render_band(y, end, image + static_cast<int64_t>(y) * params_.out_row_stride);
      y = end;
    }
  }

 private:
  // Elements of a band: its bytes and coefficients stay in a 32 KiB first-level cache.
  static constexpr int32_t kBandElements = 8192;

  // One side's source rows, its gathered band, and the coefficients of a row's elements.
  struct Lane {
    std::vector<float> factor, offset;
    std::vector<float> own_offset;  // this side's offsets, before CutMix puts the partner's in
    std::vector<const Source*> source_row;
    std::vector<Source> pixels;
    std::vector<Run> runs;

    Coefficients coefficients(int32_t first) const {
      return {factor.data() + first, offset.data() + first};
    }
  };

  // One value a channel to one an element.
  void spread(const float* values, std::vector<float>& row) const {
    const int32_t channels = params_.channels;
    for (int32_t c = 0; c < channels; ++c) {
      const int32_t first = interleaved_ ? c : c * params_.width;
      const int32_t step = interleaved_ ? channels : 1;
      for (int32_t x = 0; x < params_.width; ++x) {
        row[first + x * step] = values[c];
      }
    }
  }

  void prepare(int32_t s, int32_t row) {
    Lane& lane = lanes_[s];
    Side& side = sides_[s];
    resolve_shape<true>(params_, draws_[s], draws_[0], row, side);
    resolve_steps(params_, draws_[s], params_.program.color_end, 0, s, side);
    spread(side.step[0].offset, lane.own_offset);
    tabulate_axis(params_.program, draws_[s], side.map, 0, columns_);
    find_runs(columns_, lane.runs);
    tabulate_axis(params_.program, draws_[s], side.map, 1, rows_);
    const Source* image = static_cast<const Source*>(params_.images) + row * params_.image_stride;
    for (int32_t y = 0; y < params_.height; ++y) {
      lane.source_row[y] = rows_[y] == kOutside
                               ? nullptr
                               : image + static_cast<int64_t>(rows_[y]) * params_.row_stride;
    }
  }

  // ---- bands ------------------------------------------------------------------------------------

  bool cut_row(int32_t y) const {
    return mixing_.mix == Mix::kCut && inside(y, mixing_.box.y0, mixing_.box.y1);
  }

  bool black_row(int32_t s, int32_t y) const {
    return !inside(y, sides_[s].keep.y0, sides_[s].keep.y1);
  }

  // What a row's coefficients depend on beside the sample.
  int32_t row_state(int32_t y) const {
    const bool partner = mixing_.mix != Mix::kNone && black_row(1, y);
    return cut_row(y) + 2 * black_row(0, y) + 4 * partner;
  }

  int32_t band_end(int32_t y) const {
    const int32_t limit = min_of(params_.height, y + band_rows_);
    const int32_t state = row_state(y);
    int32_t end = y + 1;
    while (end < limit && row_state(end) == state) {
      ++end;
    }
    return end;
  }

  // Coefficients of columns [begin, end) of `lane` as side s has them.
  void set_coefficients(Lane& lane, int32_t s, int32_t begin, int32_t end, bool black) {
    const Side& side = sides_[s];
    const int32_t keep_begin = black ? begin : min_of(end, max_of(begin, side.keep.x0));
    const int32_t keep_end = black ? begin : max_of(keep_begin, min_of(end, side.keep.x1));
    const int32_t per_column = interleaved_ ? params_.channels : 1;
    for (int32_t first = 0; first < count_; first += params_.width * per_column) {
      const auto element = [&](int32_t x) { return first + x * per_column; };
      float* factor = lane.factor.data();
      float* offset = lane.offset.data();
      std::fill(factor + element(begin), factor + element(keep_begin), 0.0f);
      std::fill(factor + element(keep_begin), factor + element(keep_end), side.step[0].factor);
      std::fill(factor + element(keep_end), factor + element(end), 0.0f);
      std::fill(offset + element(begin), offset + element(keep_begin), 0.0f);
      std::copy(lanes_[s].own_offset.data() + element(keep_begin),
                lanes_[s].own_offset.data() + element(keep_end), offset + element(keep_begin));
      std::fill(offset + element(keep_end), offset + element(end), 0.0f);
    }
  }

  void gather(Lane& lane, int32_t s, int32_t y, int32_t end, int32_t x_begin, int32_t x_end) {
    gatherer_.gather(lanes_[s].source_row.data() + y, end - y, lanes_[s].runs, x_begin, x_end,
                     lane.pixels.data(), count_);
  }

  void render_band(int32_t y, int32_t end, Out* out) {
    Lane& own = lanes_[0];
    const bool cut = cut_row(y);
    const int32_t width = params_.width;
    set_coefficients(own, 0, 0, width, black_row(0, y));
    gather(own, 0, y, end, 0, cut ? mixing_.box.x0 : width);
    if (cut) {
      set_coefficients(own, 1, mixing_.box.x0, mixing_.box.x1, black_row(1, y));
      gather(own, 1, y, end, mixing_.box.x0, mixing_.box.x1);
      gather(own, 0, y, end, mixing_.box.x1, width);
    }
    if (mixing_.mix == Mix::kBlend) {
      Lane& partner = lanes_[1];
      set_coefficients(partner, 1, 0, width, black_row(1, y));
      gather(partner, 1, y, end, 0, width);
      shade(Band<const Source>{partner.pixels.data(), count_}, partner.coefficients(0),
            ones_.data(), zeros_.data(), Band<float>{partner_values_.data(), count_}, count_,
            end - y);
    }
    const int32_t planes = interleaved_ ? 1 : params_.channels;
    for (int32_t plane = 0; plane < planes; ++plane) {
      shade_plane(plane * width, count_ / planes, end - y,
                  out + static_cast<int64_t>(plane) * params_.out_channel_stride);
    }
  }

  void shade_plane(int32_t first, int32_t count, int32_t rows, Out* out) {
    const Band<const Source> own = {lanes_[0].pixels.data() + first, count_};
    const Band<Out> target = {out, params_.out_row_stride};
    const Coefficients at = lanes_[0].coefficients(first);
    const float* scale = scale_.data() + first;
    const float* bias = bias_.data() + first;
    if (mixing_.mix == Mix::kBlend) {
      const Band<const float> partner = {partner_values_.data() + first, count_};
      shade(own, at, partner, mixing_.lam, scale, bias, target, count, rows);
    } else {
      shade(own, at, scale, bias, target, count, rows);
    }
  }

  const AugmentParams& params_;
  const bool interleaved_;
  const int32_t count_;  // elements of a row
  const int32_t band_rows_;
  const Gatherer<Source> gatherer_;
  std::vector<int32_t> rows_, columns_;
  const std::vector<float> zeros_, ones_;
  std::vector<float> scale_, bias_;
  std::vector<float> partner_values_;  // MixUp: the partner's band, shaded
  StageDraw draws_[2][kMaxStages];
  Side sides_[2];
  Mixing mixing_;
  Lane lanes_[2];
};

}  // namespace warpmix::augment
