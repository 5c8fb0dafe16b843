// How a launch is cut into blocks: tiles of large images, several small images at once.
#pragma once

#include "../mix.h"
#include "../sampling.h"

namespace warpmix::augment {

constexpr int kThreads = 128;
constexpr int kLanes = 32;       // of a warp
constexpr int kGroup = 4;        // pixels a thread makes at a time
constexpr int kTileWidth = 256;  // a block makes one tile of one image,
constexpr int kTileHeight = 32;  // 224×224 is 7 blocks; of simple programs 14, half as high,
constexpr int kLowTile = 16;  // so that the last blocks end sooner: an image of 32 rows stays one
constexpr int kFewestBlocks = 512;  // before blocks take several images: about 4 a multiprocessor

// What a block's shared memory holds. Simple programs (see Program) need little of it an image.
template <bool kSimple>
struct Capacity {
  static constexpr int kImages = kSimple ? 8 : 4;
  static constexpr int kDraws = kSimple ? 64 : 96;       // of all sides and stages of the images
  static constexpr int kEntries = kSimple ? 1088 : 592;  // of all columns and rows of their tiles
  static constexpr int kColumnGroups = 64;               // likewise
};

// The same tile of `images` images, which are several where the tile is all of them.
struct Tile {
  int32_t position;  // in the batch, of the first image
  int32_t images;
  int32_t x, y;  // of its first pixel
  int32_t width, height;
  int32_t reciprocal;  // see GroupRows

  HOST_DEVICE Tile of_image(int32_t image) const {
    return {position + image, 1, x, y, width, height, reciprocal};
  }
};

// Rounded up to whole groups.
HOST_DEVICE int32_t in_groups(int32_t pixels) { return ceil_div(pixels, kGroup); }

constexpr int kReciprocalBits = 18;

// 2^18 / across, rounded up.
HOST_DEVICE constexpr int32_t group_reciprocal(int32_t across) {
  return ceil_div(1 << kReciprocalBits, across);
}

struct BlockPlan {
  int32_t image_bits;  // a block makes 1 << image_bits images
  int32_t tile_height;
  int32_t across;  // tiles of an image
  int32_t per_image;
  int32_t entries;  // of one image's tables, a side: its columns, its rows and what spreads banks
  int32_t last_width;           // of the last tile across,
  int32_t last_reciprocal;      // whose number of groups this divides by
  Fold across_fold, down_fold;  // of the map's border
};

// Four banks on, the next image's tables begin: threads side by side fill tables of as many images.
constexpr int32_t kSpread = 4;

template <bool kSimple>
BlockPlan block_plan(const AugmentParams& params) {
  using Limits = Capacity<kSimple>;
  BlockPlan plan = {};
  plan.tile_height = kSimple && params.out_height > kTileHeight ? kLowTile : kTileHeight;
  plan.across = ceil_div<int32_t>(params.out_width, kTileWidth);
  plan.per_image = plan.across * ceil_div<int32_t>(params.out_height, plan.tile_height);
  const int32_t columns = in_groups(min_of<int32_t>(params.out_width, kTileWidth));
  const int32_t rows = in_groups(min_of<int32_t>(params.out_height, plan.tile_height));
  plan.entries = (columns + rows) * kGroup + kSpread;
  plan.last_width = params.out_width - (plan.across - 1) * kTileWidth;
  plan.last_reciprocal = group_reciprocal(in_groups(plan.last_width));
  plan.across_fold = fold_of(params.program.map_border, params.program.map_width);
  plan.down_fold = fold_of(params.program.map_border, params.program.map_height);
  const int32_t sides_of = sides(params.program);
  const auto fits = [&](int32_t bits) {
    return plan.per_image == 1 && 1 << bits <= Limits::kImages &&
           params.batch_size >> bits >= kFewestBlocks &&
           sides_of * params.program.count << bits <= Limits::kDraws &&
           2 * plan.entries << bits <= Limits::kEntries && columns << bits <= Limits::kColumnGroups;
  };
  while (fits(plan.image_bits + 1)) {
    ++plan.image_bits;
  }
  return plan;
}

// One image a block.
inline BlockPlan whole_image_plan(const AugmentParams& params) {
  BlockPlan plan = block_plan<false>(params);
  plan.image_bits = 0;
  return plan;
}

HOST_DEVICE int64_t block_count(const AugmentParams& params, const BlockPlan& plan) {
  const int32_t images = 1 << plan.image_bits;
  return ceil_div<int64_t>(params.batch_size, images) * plan.per_image;
}

// Of a launch of augment.
inline int64_t augment_blocks(const AugmentParams& params) {
  const Program& program = params.program;
  return block_count(params, program.is_simple        ? block_plan<true>(params)
                             : program.is_whole_image ? whole_image_plan(params)
                                                      : block_plan<false>(params));
}

HOST_DEVICE Tile block_tile(const AugmentParams& params, const BlockPlan& plan, int32_t block) {
  // Divisions are long, and most images are one tile, or one across.
  const int32_t first = plan.per_image == 1 ? block : block / plan.per_image;
  const int32_t tile = block - first * plan.per_image;
  const int32_t down = plan.across == 1 ? tile : tile / plan.across;
  const int32_t position = first << plan.image_bits;
  const int32_t column = tile - down * plan.across;
  const bool is_last = column == plan.across - 1;
  const int32_t y = down * plan.tile_height;
  return {position,
          min_of(1 << plan.image_bits, params.batch_size - position),
          column * kTileWidth,
          y,
          is_last ? plan.last_width : kTileWidth,
          min_of(plan.tile_height, params.out_height - y),
          is_last ? plan.last_reciprocal : group_reciprocal(kTileWidth / kGroup)};
}

}  // namespace warpmix::augment
