// The pixels of one side of a tile that a map takes from between sixteen.
#pragma once

#include "sampler.h"

namespace warpmix::augment {

template <typename Source, int kChannelCount, bool kInterleaved = false>
struct CubicSampler : Sampler<Source, kChannelCount, kInterleaved> {
  using Base = Sampler<Source, kChannelCount, kInterleaved>;
  using Base::Base;
  using Base::kCount;

  // Pixel (column, row) of the image that leaves the map.
  HOST_DEVICE void sample(int32_t column, int32_t row, float* value) const {
    const float* m = this->map.m;
    const float x =
        map_coordinate(m[0], m[1], m[2], static_cast<float>(column), static_cast<float>(row));
    const float y =
        map_coordinate(m[3], m[4], m[5], static_cast<float>(column), static_cast<float>(row));
    const Fold& across = this->across_fold;
    const Fold& down = this->down_fold;
    if ((column | row) < 0 || (across.fills && !(within(x, across.size) && within(y, down.size)))) {
      return this->load(0, false, value);
    }
    CubicTaps columns = cubic_taps_of(x, across);
    CubicTaps rows = cubic_taps_of(y, down);
    const Frame& frame = this->frame;
    if (frame.shifts_before_map) {
      const Program& program = this->params.program;
      whole_sources<false>(program, this->draws, 0, program.map_begin, 0, columns.at);
      whole_sources<false>(program, this->draws, 0, program.map_begin, 1, rows.at);
    }
    const auto load = [&](int32_t tap_column, int32_t tap_row, float (&tap)[kCount]) {
      const bool exists = tap_column != kOutside && tap_row != kOutside;
      this->load(
          frame.tap_first + tap_row * frame.tap_row_stride + tap_column * frame.tap_pixel_stride,
          exists, tap);
    };
    cubic_sample<kCount>(columns, rows, load, value);
  }

  // The group at (x, y) of the tile.
  HOST_DEVICE void read(int32_t x, int32_t y, Group<kCount>& value) const {
    if (this->map.whole) {
      return Base::copy(x, y, value);
    }
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      sample(this->columns[x + i], this->rows[y], value + i * kCount);
    }
  }
};

}  // namespace warpmix::augment
