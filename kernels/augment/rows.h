// The CPU's way through the same arithmetic: an image row by row, each row one pass over vectors.
// Pixels are gathered in source type and output order first; every element then has its own
// coefficients, so that CutMix, occlusion and the channels need no branch in the loop.
#pragma once

#include <vector>

#include "../simd.h"
#include "pixel.h"

namespace warpmix::augment {

// ---- the inner loops ----------------------------------------------------------------------------

// Pointers to one coefficient an element of the row.
struct Coefficients {
  const float* factor;
  const float* offset;
  const float* mask;  // 0 where black, else 1
};

template <typename Source, typename Out>
HOST_DEVICE void shade_row(const Source* __restrict own, Coefficients at, const float* scale,
                           const float* bias, Out* __restrict out, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    const float value = contrast(own[i], at.factor[i], at.offset[i]) * at.mask[i];
    out[i] = rounded<Out>(normalise(value, scale[i], bias[i]));
  }
}

template <typename Source, typename Out>
HOST_DEVICE void blend_row(const Source* __restrict own, Coefficients at,
                           const Source* __restrict partner, Coefficients partner_at, float lam,
                           const float* scale, const float* bias, Out* __restrict out,
                           int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    const float a = contrast(own[i], at.factor[i], at.offset[i]) * at.mask[i];
    const float b =
        contrast(partner[i], partner_at.factor[i], partner_at.offset[i]) * partner_at.mask[i];
    out[i] = rounded<Out>(normalise(blend(a, b, lam), scale[i], bias[i]));
  }
}

// GCC clones functions, not templates: one overload a type pair, each in the machine's best form.
#define WARPMIX_ROW_LOOPS(Source, Out)                                                          \
  WARPMIX_SIMD_CLONES void shade(const Source* own, Coefficients at, const float* scale,        \
                                 const float* bias, Out* out, int32_t count) {                  \
    shade_row(own, at, scale, bias, out, count);                                                \
  }                                                                                             \
  WARPMIX_SIMD_CLONES void shade(const Source* own, Coefficients at, const Source* partner,     \
                                 Coefficients partner_at, float lam, const float* scale,        \
                                 const float* bias, Out* out, int32_t count) {                  \
    blend_row(own, at, partner, partner_at, lam, scale, bias, out, count);                      \
  }

namespace {
WARPMIX_ROW_LOOPS(uint8_t, float)
WARPMIX_ROW_LOOPS(uint8_t, Half)
WARPMIX_ROW_LOOPS(uint8_t, BFloat16)
WARPMIX_ROW_LOOPS(uint8_t, uint8_t)
WARPMIX_ROW_LOOPS(float, float)
WARPMIX_ROW_LOOPS(float, Half)
WARPMIX_ROW_LOOPS(float, BFloat16)
WARPMIX_ROW_LOOPS(float, uint8_t)
}  // namespace
#undef WARPMIX_ROW_LOOPS

// ---- one image ----------------------------------------------------------------------------------

// Consecutive output columns whose source columns go up by `step` (0: outside, the fill value).
struct Run {
  int32_t begin;
  int32_t end;
  int32_t source;
  int32_t step;
};

inline void find_runs(const Program& program, const StageDraw* draws, int32_t width,
                      std::vector<Run>& runs) {
  runs.clear();
  for (int32_t x = 0; x < width; ++x) {
    const int32_t source = source_coordinate(program, draws, 0, x, width);
    if (!runs.empty()) {
      Run& last = runs.back();
      const int32_t previous = last.source + (x - 1 - last.begin) * last.step;
      const int32_t step = source == kOutside ? 0 : source - previous;
      const bool first_pair = x - last.begin == 1 && last.source != kOutside;
      if ((last.source == kOutside) == (source == kOutside) &&
          (step == last.step || (first_pair && (step == 1 || step == -1)))) {
        last.step = step;
        last.end = x + 1;
        continue;
      }
    }
    runs.push_back({x, x + 1, source, source == kOutside ? 0 : 1});
  }
}

// Makes samples one after the other; owns the row buffers, so one a thread.
template <typename Source, typename Out>
class RowRenderer {
 public:
  explicit RowRenderer(const AugmentParams& params)
      : params_(params),
        interleaved_(params.out_channel_stride == 1),
        count_(params.width * params.channels),
        scale_(count_),
        bias_(count_) {
    for (int32_t i = 0; i < count_; ++i) {
      scale_[i] = params.scale[channel_of(i)];
      bias_[i] = params.bias[channel_of(i)];
    }
    for (Lane& lane : lanes_) {
      lane.factor.resize(count_);
      lane.offset.resize(count_);
      lane.mask.resize(count_);
      lane.pixels.resize(count_);
    }
  }

  void render(int32_t position) {
    const Program& program = params_.program;
    const Sample own = batch_sample(params_, position);
    for (int32_t i = 0; i < program.count; ++i) {
      draws_[0][i] = obtain_draw(params_, position, 0, i, own);
    }
    mixing_ = resolve_mixing(program, draws_[0]);
    Sample partner = own;
    if (mixing_.mix != Mix::kNone) {
      partner = partner_sample(params_, draws_[0][applied_mix(program, draws_[0])].partner);
      for (int32_t i = 0; i < program.mix_begin; ++i) {
        draws_[1][i] = obtain_draw(params_, position, 1, i, partner);
      }
      prepare(1, partner.row);
    }
    prepare(0, own.row);
    write_targets(params_, position, own.row, partner.row, mixing_.lam);
    Out* image = static_cast<Out*>(params_.batch) + position * params_.out_image_stride;
    for (int32_t y = 0; y < params_.height; ++y) {
      render_row(y, image + static_cast<int64_t>(y) * params_.out_row_stride);
    }
  }

 private:
  // One side's gathered row and the coefficients of its elements.
  struct Lane {
    std::vector<float> factor, offset, mask;
    std::vector<Source> pixels;
    std::vector<Run> runs;
    int32_t state;  // what the coefficients were made for: see row_state

    Coefficients coefficients(int32_t first) const {
      return {factor.data() + first, offset.data() + first, mask.data() + first};
    }
  };

  int32_t channel_of(int32_t element) const {
    return interleaved_ ? element % params_.channels : element / params_.width;
  }

  void prepare(int32_t s, int32_t row) {
    resolve_side(params_, draws_[s], draws_[0], row, sides_[s]);
    find_runs(params_.program, draws_[s], params_.width, lanes_[s].runs);
    lanes_[s].state = -1;
  }

  // Coefficients of columns [begin, end) of `lane` as side s has them.
  void set_coefficients(Lane& lane, int32_t s, int32_t begin, int32_t end, bool black) {
    const Side& side = sides_[s];
    const int32_t channels = params_.channels;
    const int32_t x_step = interleaved_ ? channels : 1;
    const int32_t c_step = interleaved_ ? 1 : params_.width;
    for (int32_t c = 0; c < channels; ++c) {
      for (int32_t x = begin; x < end; ++x) {
        const int32_t i = x * x_step + c * c_step;
        lane.factor[i] = side.factor;
        lane.offset[i] = side.offset[c];
        lane.mask[i] = !black && inside(x, side.keep[0], side.keep[2]) ? 1.0f : 0.0f;
      }
    }
  }

  bool black_row(int32_t s, int32_t y) const {
    return !inside(y, sides_[s].keep[1], sides_[s].keep[3]);
  }

  // What a row's coefficients depend on beside the sample.
  int32_t row_state(int32_t s, int32_t y, bool cut) const {
    return black_row(s, y) + (cut ? 2 + 4 * black_row(1, y) : 0);
  }

  // Few rows differ from the one before (the edges of a box or of a border), so coefficients are
  // made again only there.
  void update(Lane& lane, int32_t s, int32_t y, bool cut) {
    const int32_t state = row_state(s, y, cut);
    if (lane.state == state) {
      return;
    }
    lane.state = state;
    set_coefficients(lane, s, 0, params_.width, black_row(s, y));
    if (cut) {
      set_coefficients(lane, 1, mixing_.box[0], mixing_.box[2], black_row(1, y));
    }
  }

  // Columns [begin, end) of side s's row y into the lane, in output order.
  void gather(Lane& lane, int32_t s, int32_t y, int32_t begin, int32_t end) {
    const int32_t channels = params_.channels;
    const int32_t source_y =
        source_coordinate(params_.program, draws_[s], 1, y, params_.height);
    const Source* row = static_cast<const Source*>(params_.images) +
                        sides_[s].row * params_.image_stride +
                        static_cast<int64_t>(source_y) * params_.row_stride;
    const int32_t x_step = interleaved_ ? channels : 1;
    const int32_t c_step = interleaved_ ? 1 : params_.width;
    for (const Run& run : lanes_[s].runs) {
      const int32_t from = max_of(begin, run.begin);
      const int32_t to = min_of(end, run.end);
      if (from >= to) {
        continue;
      }
      Source* out = lane.pixels.data() + from * x_step;
      if (source_y == kOutside || run.source == kOutside) {
        const Source fill = static_cast<Source>(params_.program.fill);
        for (int32_t c = 0; c < channels; ++c) {
          copy_strided(out + c * c_step, x_step, &fill, 0, to - from);
        }
        continue;
      }
      const int32_t source_x = run.source + (from - run.begin) * run.step;
      copy_pixels(out, row + source_x * params_.pixel_stride, run.step, to - from);
    }
  }

  void copy_pixels(Source* out, const Source* in, int32_t step, int32_t count) const {
    const int32_t channels = params_.channels;
    if (interleaved_ && step == 1 && params_.channel_stride == 1) {
      std::memcpy(out, in, sizeof(Source) * count * channels);
    } else if (interleaved_ && channels == 3) {
      for (int32_t i = 0; i < count; ++i) {
        const Source* pixel = in + i * step * params_.pixel_stride;
        out[3 * i] = pixel[0];
        out[3 * i + 1] = pixel[params_.channel_stride];
        out[3 * i + 2] = pixel[2 * params_.channel_stride];
      }
    } else {
      for (int32_t c = 0; c < channels; ++c) {
        copy_strided(out + (interleaved_ ? c : c * params_.width), interleaved_ ? channels : 1,
                     in + static_cast<int64_t>(c) * params_.channel_stride,
                     step * params_.pixel_stride, count);
      }
    }
  }

  static void copy_strided(Source* out, int32_t out_stride, const Source* in, int32_t in_stride,
                           int32_t count) {
    if (out_stride == 1 && in_stride == 1) {
      std::memcpy(out, in, sizeof(Source) * count);
      return;
    }
    for (int32_t i = 0; i < count; ++i) {
      out[i * out_stride] = in[i * in_stride];
    }
  }

  void render_row(int32_t y, Out* out) {
    Lane& own = lanes_[0];
    const bool cut = mixing_.mix == Mix::kCut && inside(y, mixing_.box[1], mixing_.box[3]);
    const int32_t cut_begin = cut ? mixing_.box[0] : params_.width;
    const int32_t cut_end = cut ? mixing_.box[2] : params_.width;
    update(own, 0, y, cut);
    gather(own, 0, y, 0, cut_begin);
    gather(own, 1, y, cut_begin, cut_end);
    gather(own, 0, y, cut_end, params_.width);
    if (mixing_.mix == Mix::kBlend) {
      update(lanes_[1], 1, y, false);
      gather(lanes_[1], 1, y, 0, params_.width);
    }
    const int32_t planes = interleaved_ ? 1 : params_.channels;
    for (int32_t plane = 0; plane < planes; ++plane) {
      shade_plane(plane * params_.width, count_ / planes, out + plane * params_.out_channel_stride);
    }
  }

  void shade_plane(int32_t first, int32_t count, Out* out) {
    const Source* pixels = lanes_[0].pixels.data() + first;
    const float* scale = scale_.data() + first;
    const float* bias = bias_.data() + first;
    if (mixing_.mix == Mix::kBlend) {
      shade(pixels, lanes_[0].coefficients(first), lanes_[1].pixels.data() + first,
            lanes_[1].coefficients(first), mixing_.lam, scale, bias, out, count);
    } else {
      shade(pixels, lanes_[0].coefficients(first), scale, bias, out, count);
    }
  }

  const AugmentParams& params_;
  const bool interleaved_;
  const int32_t count_;  // elements of a row
  std::vector<float> scale_, bias_;
  StageDraw draws_[2][kMaxStages];
  Side sides_[2];
  Mixing mixing_;
  Lane lanes_[2];
};

}  // namespace warpmix::augment
