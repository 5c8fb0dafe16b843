// The pixels of one side of a tile that a resampling makes: sums over the taps of its column and
// row, which lie in tables. Or those of a map, of an image of a size of its own that cannot shrink.
#pragma once

#include "sampler.h"

namespace warpmix::augment {

// How the map's border folds the coordinates of one side of an image.
struct Folds {
  Fold across, down;
};

// One image's share of a block's memory, and the taps of its tables' columns and rows.
struct ResampledShared : Shared {
  Folds* folds;  // [2]
  BothSides<FilterTaps> column_taps;
  BothSides<FilterTaps> row_taps;
};

struct ResampledBlock {
  BlockShared<false> block;
  Folds folds[2 * Capacity<false>::kImages];
  alignas(16) FilterTaps taps[Capacity<false>::kEntries];

  HOST_DEVICE ResampledShared of_image(const AugmentParams& params, const BlockPlan& plan,
                                       Tile tile, int32_t image) {
    FilterTaps* first = taps + 2 * plan.entries * image;
    const int32_t columns = in_groups(tile.width) * kGroup;
    return {block.of_image(params, plan, tile, image),
            folds + 2 * image,
            {first, plan.entries},
            {first + columns, plan.entries}};
  }
};

// The phase after the parameters': each thread a column or row of each side of each image.
HOST_DEVICE void tabulate_taps(const AugmentParams& params, const BlockPlan& plan, Tile tile,
                               int32_t thread, ResampledBlock& block) {
  const int32_t columns = in_groups(tile.width) * kGroup;
  const int32_t entries = columns + in_groups(tile.height) * kGroup;
  for (int32_t image = 0; image < tile.images; ++image) {
    const ResampledShared shared = block.of_image(params, plan, tile, image);
    const int32_t used = shared.mixing.mix == Mix::kNone ? 1 : 2;
    for (int32_t s = 0; s < used; ++s) {
      if (thread == 0) {
        const int32_t first = params.program.map_begin;
        const Extent extent = entering_extent(params.program.stages[first], shared.draws[s][first]);
        shared.folds[s] = {fold_of(params.program.map_border, extent.width),
                           fold_of(params.program.map_border, extent.height)};
      }
      const Resampling& resampling = shared.side[s].resampling;
      for (int32_t i = thread; resampling.applies && i < entries; i += kThreads) {
        const int32_t place = shared.column[s][i];  // rows follow the columns
        shared.column_taps[s][i] =
            place < 0 ? FilterTaps{}
                      : filter_taps(i < columns ? resampling.across : resampling.down, place);
      }
    }
  }
}

template <typename Source, int kChannelCount, bool kInterleaved = false>
struct ResamplingSampler : Sampler<Source, kChannelCount, kInterleaved> {
  using Base = Sampler<Source, kChannelCount, kInterleaved>;
  using Base::kCount;

  const Resampling& resampling;
  const FilterTaps* column_taps;
  const FilterTaps* row_taps;

  HOST_DEVICE ResamplingSampler(const AugmentParams& p, const ResampledShared& shared, int32_t s,
                                int32_t channel)
      : Base(p, shared, s, channel, shared.folds[s].across, shared.folds[s].down),
        resampling(shared.side[s].resampling),
        column_taps(shared.column_taps[s]),
        row_taps(shared.row_taps[s]) {}

  // Columns are summed first, as on the CPU.
  HOST_DEVICE void sum(const FilterTaps& across, const FilterTaps& down, float* value) const {
    float total[kCount] = {};
    int32_t first = this->frame.tap_first + down.first * this->frame.tap_row_stride +
                    across.first * this->frame.tap_pixel_stride;
    for (int32_t i = 0; i < across.count; ++i, first += this->frame.tap_pixel_stride) {
      float column[kCount] = {};
      int32_t offset = first;
      for (int32_t j = 0; j < down.count; ++j, offset += this->frame.tap_row_stride) {
        const float weight = tap_weight(resampling.down, down, j);
        float pixel[kCount];
        this->load(offset, true, pixel);
        UNROLL
        for (int c = 0; c < kCount; ++c) {
          column[c] = column[c] + weight * pixel[c];
        }
      }
      const float weight = tap_weight(resampling.across, across, i);
      UNROLL
      for (int c = 0; c < kCount; ++c) {
        total[c] = total[c] + weight * column[c];
      }
    }
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      value[c] = clipped(total[c]);
    }
  }

  // The group at (x, y) of the tile.
  HOST_DEVICE void read(int32_t x, int32_t y, Group<kCount>& value) const {
    if (!resampling.applies) {
      return Base::read(x, y, value);
    }
    const FilterTaps down = row_taps[y];
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      if ((this->columns[x + i] | this->rows[y]) < 0) {
        this->load(0, false, value + i * kCount);
      } else {
        sum(column_taps[x + i], down, value + i * kCount);
      }
      end_pixel();
    }
  }
};

}  // namespace warpmix::augment
