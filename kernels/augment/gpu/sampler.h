// The pixels of one side of a tile, through any map.
#pragma once

#include "../sampling.h"
#include "groups.h"
#include "words.h"

namespace warpmix::augment {

// One side of a tile: its image and what its geometry needs. kInterleaved: a pixel's channels are
// adjacent in the source.
template <typename Source, int kChannelCount, bool kInterleaved = false>
struct Sampler {
  using Element = Source;
  static constexpr int kCount = kChannelCount;
  static constexpr bool kHasPairs =
      std::is_same_v<Source, uint8_t> && kInterleaved && kChannelCount == 3;

  const AugmentParams& params;
  const StageDraw* draws;
  const int32_t* columns;  // of the tile; see ImageShare
  const int32_t* rows;
  const float* fill_values;  // of the channels
  const Source* image;
  const Frame& frame;
  const Map& map;
  const Fold& across_fold;
  const Fold& down_fold;

  HOST_DEVICE Sampler(const AugmentParams& p, const Shared& shared, int32_t s, int32_t channel)
      : Sampler(p, shared, s, channel, shared.plan.across_fold, shared.plan.down_fold) {}

  HOST_DEVICE Sampler(const AugmentParams& p, const Shared& shared, int32_t s, int32_t channel,
                      const Fold& across, const Fold& down)
      : params(p),
        draws(shared.draws[s]),
        columns(shared.column[s]),
        rows(shared.row[s]),
        fill_values(p.program.fill + channel),
        image(static_cast<const Source*>(p.images) + shared.frame[s].image +
              static_cast<int64_t>(channel) * p.channel_stride),
        frame(shared.frame[s]),
        map(shared.side[s].map),
        across_fold(across),
        down_fold(down) {}

  // The pixel at `offset`, or the fill where there is none. The load is unconditional, as in the
  // whole-pixel kernel.
  HOST_DEVICE void load(int32_t offset, bool exists, float* value) const {
    const Source* pixel = image + static_cast<uint32_t>(exists ? offset : 0);
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      const float loaded = load_value(pixel + c * (kInterleaved ? 1 : params.channel_stride));
      value[c] = exists ? loaded : fill_values[c];
    }
  }

  // Where a tap's pixel lies.
  template <TapKind kTaps>
  HOST_DEVICE Taps taps(float x, const Fold& fold) const {
    const float floor = floorf(x);
    const int32_t t = static_cast<int32_t>(floor);
    if constexpr (kTaps != TapKind::kAny) {
      return {clamped(t, fold.size), clamped(t + 1, fold.size), x - floor};
    } else {
      return {folded(t, fold), folded(t + 1, fold), x - floor};
    }
  }

  // The four taps' pixels: two of each row, which are adjacent or, at an edge, the same.
  HOST_DEVICE void load_pairs(const Taps& across, const Taps& down,
                              float (&corner)[4][kCount]) const {
    const int32_t stride = frame.tap_pixel_stride;
    const int32_t column = min_of(across.first, across_fold.size - 2);
    const bool turns = stride < 0;
    const bool is_first[2] = {(across.first == column) != turns,
                              (across.second == column) != turns};
    const int32_t begin = frame.tap_first + column * stride + (turns ? stride : 0);
    UNROLL
    for (int r = 0; r < 2; ++r) {
      const int32_t row = r == 0 ? down.first : down.second;
      const PixelPair pair(image + static_cast<uint32_t>(begin + row * frame.tap_row_stride));
      UNROLL
      for (int i = 0; i < 2; ++i) {
        const uint32_t pixel = is_first[i] ? pair.first : pair.second;
        UNROLL
        for (int c = 0; c < kCount; ++c) {
          corner[2 * r + i][c] = byte_value(pixel, c);
        }
      }
    }
  }

  template <TapKind kTaps>
  HOST_DEVICE void load_taps(const Taps& across, const Taps& down,
                             float (&corner)[4][kCount]) const {
    int32_t tap_columns[2] = {across.first, across.second};
    int32_t tap_rows[2] = {down.first, down.second};
    if constexpr (kTaps == TapKind::kAny) {
      const Program& program = params.program;
      if (frame.shifts_before_map) {
        whole_sources<false>(program, draws, 0, program.map_begin, 0, tap_columns);
        whole_sources<false>(program, draws, 0, program.map_begin, 1, tap_rows);
      }
    }
    UNROLL
    for (int i = 0; i < 4; ++i) {
      const int32_t tap_column = tap_columns[i % 2];
      const int32_t tap_row = tap_rows[i / 2];
      const bool exists = kTaps != TapKind::kAny || !frame.shifts_before_map ||
                          (tap_column != kOutside && tap_row != kOutside);
      load(frame.tap_first + tap_row * frame.tap_row_stride + tap_column * frame.tap_pixel_stride,
           exists, corner[i]);
    }
  }

  // Pixel (column, row) of the image that leaves the map. Where it lies outside, and is filled,
  // taps are still of the image.
  template <TapKind kTaps>
  HOST_DEVICE void sample(int32_t column, int32_t row, float* value) const {
    const float* m = map.m;
    const float x =
        map_coordinate(m[0], m[1], m[2], static_cast<float>(column), static_cast<float>(row));
    const float y =
        map_coordinate(m[3], m[4], m[5], static_cast<float>(column), static_cast<float>(row));
    const bool is_filled =
        (column | row) < 0 ||
        (across_fold.fills && !(within(x, across_fold.size) && within(y, down_fold.size)));
    const Taps across = taps<kTaps>(x, across_fold);
    const Taps down = taps<kTaps>(y, down_fold);
    float corner[4][kCount];
    if constexpr (kTaps == TapKind::kPairs) {
      load_pairs(across, down, corner);
    } else {
      load_taps<kTaps>(across, down, corner);
    }
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      const float sampled =
          between(between(corner[0][c], corner[1][c], across.weight),
                  between(corner[2][c], corner[3][c], across.weight), down.weight);
      value[c] = is_filled ? fill_values[c] : sampled;
    }
  }

  template <TapKind kTaps>
  HOST_DEVICE void sample_group(const int32_t* column, int32_t row, Group<kCount>& value) const {
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      sample<kTaps>(column[i], row, value + i * kCount);
      end_pixel();
    }
  }

  // The group at (x, y) of the tile, whole pixels.
  HOST_DEVICE void copy(int32_t x, int32_t y, Group<kCount>& value) const {
    const int32_t* column = columns + x;
    const int32_t row = rows[y];
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      load(row + column[i], (row | column[i]) >= 0, value + i * kCount);
    }
  }

  // The group at (x, y) of the tile.
  HOST_DEVICE void read(int32_t x, int32_t y, Group<kCount>& value) const {
    const int32_t* column = columns + x;
    const int32_t row = rows[y];
    if (map.whole) {
      copy(x, y, value);
    } else if (kHasPairs ? frame.taps == TapKind::kPairs : frame.taps != TapKind::kAny) {
      sample_group<kHasPairs ? TapKind::kPairs : TapKind::kClamped>(column, row, value);
    } else {
      sample_group<TapKind::kAny>(column, row, value);
    }
  }
};

}  // namespace warpmix::augment
