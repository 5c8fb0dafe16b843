// A tile as groups of pixels, of which a thread makes one at a time.
#pragma once

#include "block_parameters.h"

namespace warpmix::augment {

template <typename Source>
HOST_DEVICE float load_value(const Source* pixel) {
  return widen(*pixel);
}

constexpr uint32_t kWholeGroup = (1u << kGroup) - 1u;

// Bit i says whether x + i is in [begin, end), for the pixels of a group.
HOST_DEVICE uint32_t group_bits(int32_t x, int32_t begin, int32_t end) {
  const int32_t first = min_of(max_of(begin - x, 0), kGroup);
  const int32_t last = min_of(max_of(end - x, 0), kGroup);
  return ((1u << last) - 1u) & ~((1u << first) - 1u);
}

// The threads that make an image together: all of a block, or where it has several images as many
// as the images allow, but whole warps. What is the same for an image is read once a warp and
// image.
struct Team {
  int32_t threads;
  int32_t count;   // of a block
  int32_t index;   // of this one
  int32_t thread;  // in it
  int32_t warp;    // of the block
  int32_t lane;

  HOST_DEVICE Team(const BlockPlan& plan, int32_t block_thread)
      : threads(max_of(kThreads >> plan.image_bits, kLanes)),
        count(kThreads / threads),
        index(block_thread / threads),
        thread(block_thread - index * threads),
        warp(block_thread / kLanes),
        lane(block_thread % kLanes) {}
};

// The groups of a tile, row after row.
struct GroupRows {
  int32_t across;
  int32_t count;
  int32_t reciprocal;

  HOST_DEVICE explicit GroupRows(Tile tile)
      : across(in_groups(tile.width)), count(across * tile.height), reciprocal(tile.reciprocal) {}

  // group / across by a reciprocal: exact, since group < 2^11 and across <= 2^6 keep the error,
  // below group · across / 2^18, under 1 / across.
  HOST_DEVICE int32_t row(int32_t group) const {
    static_assert(kTileHeight * kTileWidth / kGroup <= 1 << 11 && kTileWidth / kGroup <= 1 << 6);
    return group * reciprocal >> kReciprocalBits;
  }

  HOST_DEVICE int32_t first_pixel(int32_t group, int32_t row) const {
    return (group - row * across) * kGroup;
  }
};

template <int kCount>
using Group = float[kGroup * kCount];

}  // namespace warpmix::augment
