// What a block of the augmentation kernels keeps in shared memory: the parameters of its images.
#pragma once

#include "../sample.h"
#include "tiles.h"

namespace warpmix::augment {

// Table entries without a source, chosen so that one sum of a column's and a row's entry tells: it
// is black if either is kBlack, else it has no source if either is kFill, else it is their pixel,
// below kMaxPixels * kMaxChannels.
constexpr int32_t kFill = -(1 << 28);   // a constant border
constexpr int32_t kBlack = -(1 << 30);  // occluded
static_assert(kMaxPixels * kMaxChannels <= -kFill && kBlack - kFill < 2 * kFill);

HOST_DEVICE bool is_black(int32_t entry) { return entry < 2 * kFill; }

// Bits of a pixel in Shared::cut: two, since nvcc shifts a single one down before it tests it.
constexpr int32_t kCutBits = 2;
constexpr uint32_t kCutPixel = 3;

// ---- shared memory ------------------------------------------------------------------------------

// `stride` elements for the sample's own image (side 0), then as many for its partner's.
template <typename T>
struct BothSides {
  T* first;
  int32_t stride;

  HOST_DEVICE T* operator[](int32_t s) const { return first + s * stride; }
};

// How the pixels that a map samples between are read: adjacent ones in words; one by one, where the
// border clamps and no shift comes before the map; or by any border, after any shifts.
enum class TapKind : int32_t { kPairs, kClamped, kAny };

// Where a side's pixels lie in the images, in elements. A general program's taps come from the
// image that enters the map: flips before it only turn strides round.
struct Frame {
  int64_t image;  // its first element
  int32_t row_stride;
  int32_t tap_first;
  int32_t tap_pixel_stride;
  int32_t tap_row_stride;
  bool shifts_before_map;  // then the image's strides stand here, and coordinates are shifted a tap
  TapKind taps;
};

// The groups of a general program's tile that an edge of CutMix's box splits. They are made last,
// threads side by side one each: the warps before make one side alone.
struct SplitGroups {
  int32_t first, second;  // columns of groups; the same where there is one
  int32_t top;
  int32_t rows;
  int32_t count;

  HOST_DEVICE int32_t row(int32_t i) const { return top + (i < rows ? i : i - rows); }
  HOST_DEVICE int32_t first_pixel(int32_t i) const { return (i < rows ? first : second) * kGroup; }
};

// One image's share of a block's memory.
template <bool kSimple>
struct ImageShare {
  using AnySide = std::conditional_t<kSimple, SimpleSide, Side>;

  const BlockPlan& plan;
  BothSides<StageDraw> draws;  // [2][stages]
  AnySide* side;               // [2]
  Frame* frame;                // [2]
  int64_t& first;              // element of the batch: of the tile's first pixel
  Mixing& mixing;
  Patches& after;       // occlusions after the mix; of a general program
  SplitGroups& splits;  // likewise
  // Of each column and row of the tile its offset in the source image or, where that side's map is
  // not whole, its coordinate before the map; kFill, or kBlack.
  BothSides<int32_t> column;
  BothSides<int32_t> row;
  // CutMix in the whole-pixel template: column[1] serves the rows that the box crosses, with own
  // columns outside it, and this, a word a group across, tells whose they are: the first pixel in
  // the lowest kCutBits, set where it is the partner's.
  uint32_t* cut;
  uint32_t* staged;  // of a simple program: 2 · kStagedWords a warp, see store_together
};

using Shared = ImageShare<false>;
using SimpleShared = ImageShare<true>;

// Of a warp's groups: three channels of float. A warp has two such places, used in turn.
constexpr int kStagedWords = kLanes * kGroup * 3;

template <bool kSimple>
struct BlockShared {
  using Limits = Capacity<kSimple>;

  StageDraw draws[Limits::kDraws];
  typename ImageShare<kSimple>::AnySide side[2 * Limits::kImages];
  Frame frame[2 * Limits::kImages];
  int64_t first[Limits::kImages];
  Mixing mixing[Limits::kImages];
  Patches after[kSimple ? 1 : Limits::kImages];
  SplitGroups splits[kSimple ? 1 : Limits::kImages];
  alignas(16) int32_t entry[Limits::kEntries];
  uint32_t cut[kSimple ? Limits::kColumnGroups : 1];
  alignas(16) uint32_t staged[kSimple ? kThreads / kLanes * 2 * kStagedWords : 4];

  HOST_DEVICE ImageShare<kSimple> of_image(const AugmentParams& params, const BlockPlan& plan,
                                           Tile tile, int32_t image) {
    const int32_t stages = params.program.count;
    int32_t* entries = entry + 2 * plan.entries * image;
    const int32_t columns = in_groups(tile.width) * kGroup;
    return {plan,
            {draws + sides(params.program) * stages * image, stages},
            side + 2 * image,
            frame + 2 * image,
            first[image],
            mixing[image],
            after[kSimple ? 0 : image],
            splits[kSimple ? 0 : image],
            {entries, plan.entries},
            {entries + columns, plan.entries},
            cut + (kSimple ? in_groups(tile.width) * image : 0),
            staged};
  }
};

}  // namespace warpmix::augment
