// The CPU's way through one sample of a simple program (see Program): its parameters, then its rows
// in bands that share coefficients.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "draw_ahead.h"
#include "gather.h"
#include "pixel_copier.h"
#include "row_layout.h"
#include "shade_rows.h"

namespace warpmix::augment {

// Makes samples one after the other; owns the row buffers, so one a thread.
template <typename Source, typename Out>
class WholePixelRenderer {
 public:
  explicit WholePixelRenderer(const AugmentParams& params)
      : params_(params),
        layout_(params),
        count_(layout_.count()),
        chunk_rows_(max_of(1, min_of(params.out_height, kChunkElements / count_))),
        streams_(exceeds_cache(params)),
        gatherer_(params, layout_.interleaved(), params.out_width),
        copier_(params),
        columns_(params.out_width),
        zeros_(count_, 0.0f),
        ones_(count_, 1.0f),
        offset_(count_),
        scale_(count_),
        bias_(count_),
        black_row_(count_),
        partner_values_(static_cast<size_t>(chunk_rows_) * count_) {
    cut_.resize(count_);
    layout_.spread(params.scale, scale_);
    layout_.spread(params.bias, bias_);
    for (int32_t i = 0; i < count_; ++i) {
      black_row_[i] = rounded<Out>(normalise(0.0f, scale_[i], bias_[i]));
    }
    for (Lane& lane : lanes_) {
      lane.kept.resize(count_);
      lane.rows.resize(params.out_height);
      lane.pixels.resize(static_cast<size_t>(chunk_rows_) * count_);
    }
  }

  // Samples [begin, end). While one is made, the next one's images are on their way to the cache:
  // they may lie anywhere in the data set.
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
  // Elements that are gathered together: with a row's coefficients they stay in a 32 KiB
  // first-level cache.
  static constexpr int32_t kChunkElements = 8192;

  // Coefficients of a row's elements.
  struct CoefficientRow {
    std::vector<float> factor, offset;

    void resize(int32_t count) {
      factor.resize(count);
      offset.resize(count);
    }

    operator Coefficients() const { return {factor.data(), offset.data()}; }
  };

  // One side: where its pixels come from, those of a chunk, and the coefficients of rows that are
  // not all black.
  struct Lane : PixelRows<Source> {
    std::vector<Source> pixels;
    CoefficientRow kept;
  };

  void render(int32_t position, const Drawn& drawn) {
    const Range columns = {0, params_.out_width};
    const Range rows = {0, params_.out_height};
    const SampleDraws& samples = drawn.samples;
    mixing_ = resolve_mixing(params_.program, drawn.draws[0]);
    const Box& box = mixing_.box;
    prepare(0, drawn.draws, samples.own.row, columns, rows);
    if (mixing_.mix == Mix::kCut) {
      prepare(1, drawn.draws, samples.partner.row, {box.x0, box.x1}, {box.y0, box.y1});
    } else if (mixing_.mix == Mix::kBlend) {
      prepare(1, drawn.draws, samples.partner.row, columns, rows);
    }
    write_targets(params_, position, samples.own.row, samples.partner.row, mixing_.lam);
    Out* out = static_cast<Out*>(params_.batch) + position * params_.out_image_stride;
    if constexpr (std::is_same_v<Source, Out>) {
      if (copies_pixels()) {
        return copy_pixels(columns, rows, out);
      }
    }
    for (int32_t y = 0; y < params_.out_height; y += chunk_rows_) {
      render_chunk({y, min_of(params_.out_height, y + chunk_rows_)}, out);
    }
  }

  // Columns and rows of the result that this side may give pixels to.
  void prepare(int32_t s, const StageDraw (*draws)[kMaxStages], int32_t row, Range columns,
               Range rows) {
    Lane& lane = lanes_[s];
    Side& side = sides_[s];
    resolve_shape<true>(params_, draws[s], draws[0], row, side);
    resolve_steps(params_, draws[s], params_.program.color_end, 0, s, side);
    set_kept(side, lane.kept);
    lane.image = first_element<Source>(params_, row);
    tabulate_axis(params_.program, draws[s], side.map, 0, part_of(columns_, columns));
    find_runs(part_of(columns_, columns), lane.runs);
    tabulate_axis(params_.program, draws[s], side.map, 1, part_of(lane.rows, rows));
  }

  // ---- pixels -----------------------------------------------------------------------------------

  // `columns` of those of `rows` that are not black to `lane`, which holds a chunk from row `first`
  // on, from side s.
  void gather(Lane& lane, int32_t s, Range columns, Range rows, int32_t first) const {
    const Box& keep = sides_[s].keep;
    const Range kept = {max_of(rows.begin, keep.y0), min_of(rows.end, keep.y1)};
    if (kept.begin < kept.end) {
      const Lane& from = lanes_[s];
      gatherer_.gather(from.image, params_.row_stride, from.rows.data() + kept.begin,
                       kept.end - kept.begin, from.runs, columns,
                       lane.pixels.data() + (kept.begin - first) * count_, count_);
    }
  }

  bool copies_pixels() const {
    return mixing_.mix != Mix::kBlend && copier_.keeps(sides_[0]) &&
           (mixing_.mix == Mix::kNone || copier_.keeps(sides_[1]));
  }

  void copy_pixels(Range columns, Range rows, Out* out) const {
    copier_.copy(lanes_[0], columns, rows, out);
    if (mixing_.mix == Mix::kCut) {
      const Box& box = mixing_.box;
      copier_.copy(lanes_[1], {box.x0, box.x1}, {box.y0, box.y1}, out);
    }
  }

  void gather_chunk(Range rows) {
    const Range columns = {0, params_.out_width};
    const Box& box = mixing_.box;
    gather(lanes_[0], 0, columns, rows, rows.begin);
    if (mixing_.mix == Mix::kBlend) {
      gather(lanes_[1], 1, columns, rows, rows.begin);
    } else if (mixing_.mix == Mix::kCut) {
      gather(lanes_[0], 1, {box.x0, box.x1}, {max_of(rows.begin, box.y0), min_of(rows.end, box.y1)},
             rows.begin);
    }
  }

  // ---- bands ------------------------------------------------------------------------------------

  bool cut_row(int32_t y) const {
    return mixing_.mix == Mix::kCut && inside(y, mixing_.box.y0, mixing_.box.y1);
  }

  bool black_row(int32_t s, int32_t y) const {
    return !inside(y, sides_[s].keep.y0, sides_[s].keep.y1);
  }

  // A row that is black from end to end is a copy; `shade` can stream.
  bool copies_black(int32_t y) const {
    const bool has_partner = mixing_.mix == Mix::kBlend || cut_row(y);
    return !streams_ && black_row(0, y) && (!has_partner || black_row(1, y));
  }

  // Rows of a band have the same coefficients: it ends before `end` where a box begins or ends.
  int32_t band_end(int32_t y, int32_t end) const {
    const auto end_at = [&](const Box& box) {
      end = box.y0 > y ? min_of(end, box.y0) : end;
      end = box.y1 > y ? min_of(end, box.y1) : end;
    };
    end_at(sides_[0].keep);
    if (mixing_.mix != Mix::kNone) {
      end_at(sides_[1].keep);
      end_at(mixing_.box);
    }
    return end;
  }

  void set_kept(const Side& side, CoefficientRow& kept) {
    layout_.spread(side.step[0].offset, offset_);
    layout_.for_each_plane([&](int32_t first, int32_t count) {
      keep_coefficients(side.step[0].factor, offset_.data() + first,
                        layout_.elements({side.keep.x0, side.keep.x1}), count,
                        kept.factor.data() + first, kept.offset.data() + first);
    });
  }

  // Of side s in row y.
  Coefficients row_coefficients(int32_t s, int32_t y) const {
    return black_row(s, y) ? black_ : Coefficients(lanes_[s].kept);
  }

  // Of the pixels of row y that are gathered in the own lane.
  Coefficients own_coefficients(int32_t y) {
    const Coefficients own = row_coefficients(0, y);
    if (!cut_row(y)) {
      return own;
    }
    const Coefficients partner = row_coefficients(1, y);
    const Range cut = layout_.elements({mixing_.box.x0, mixing_.box.x1});
    layout_.for_each_plane([&](int32_t first, int32_t count) {
      cut_coefficients(own.from(first), partner.from(first), cut, count, cut_.factor.data() + first,
                       cut_.offset.data() + first);
    });
    return cut_;
  }

  void render_chunk(Range rows, Out* image) {
    gather_chunk(rows);
    for (int32_t y = rows.begin; y < rows.end;) {
      const int32_t end = band_end(y, rows.end);
      Out* out = image + static_cast<int64_t>(y) * params_.out_row_stride;
      copies_black(y) ? blacken(end - y, out) : shade_band({y, end}, rows.begin, out);
      y = end;
    }
  }

  void blacken(int32_t rows, Out* out) const {
    layout_.for_each_plane([&](int32_t plane, int32_t elements) {
      for (int32_t y = 0; y < rows; ++y) {
        std::copy_n(black_row_.data() + plane, elements,
                    out + static_cast<int64_t>(y) * params_.out_row_stride);
      }
      out += params_.out_channel_stride;
    });
  }

  // `rows` of the chunk that begins at row `first`.
  void shade_band(Range rows, int32_t first, Out* out) {
    const int64_t begin = static_cast<int64_t>(rows.begin - first) * count_;
    const int32_t count = rows.end - rows.begin;
    const bool blends = mixing_.mix == Mix::kBlend;
    float* partner = partner_values_.data();
    if (blends) {
      shade(Band<const Source>{lanes_[1].pixels.data() + begin, count_},
            row_coefficients(1, rows.begin), ones_.data(), zeros_.data(),
            Band<float>{partner, count_}, count_, count);
    }
    const Source* pixels = lanes_[0].pixels.data() + begin;
    const Coefficients own = own_coefficients(rows.begin);
    layout_.for_each_plane([&](int32_t plane, int32_t elements) {
      const Band<const Source> from = {pixels + plane, count_};
      const Band<Out> target = {out, params_.out_row_stride, streams_};
      const float* scale = scale_.data() + plane;
      const float* bias = bias_.data() + plane;
      if (blends) {
        shade(from, own.from(plane), Band<const float>{partner + plane, count_}, mixing_.lam, scale,
              bias, target, elements, count);
      } else {
        shade(from, own.from(plane), scale, bias, target, elements, count);
      }
      out += params_.out_channel_stride;
    });
  }

  const AugmentParams& params_;
  const RowLayout layout_;
  const int32_t count_;  // elements of a row
  const int32_t chunk_rows_;
  const bool streams_;
  const Gatherer<Source, Source> gatherer_;
  const PixelCopier<Source, Out> copier_;
  std::vector<int32_t> columns_;
  const std::vector<float> zeros_, ones_;
  const Coefficients black_ = {zeros_.data(), zeros_.data()};
  std::vector<float> offset_;  // one side's, before its black columns
  CoefficientRow cut_;
  std::vector<float> scale_, bias_;
  std::vector<Out> black_row_;
  std::vector<float> partner_values_;  // MixUp: the partner's chunk, shaded
  Side sides_[2];
  Mixing mixing_;
  Lane lanes_[2];
};

}  // namespace warpmix::augment
