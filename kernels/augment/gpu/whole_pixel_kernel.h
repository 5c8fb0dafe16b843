// The kernel of simple programs (see Program): whole pixels, one contrast or brightness, black
// borders and a mix, in the fewest instructions. Host-device functions of the launch coordinates:
// first block_parameters.h's phases, then make_images. On the GPU a barrier stands between phases
// (augment.cu); under test the host runs them thread by thread (csrc/emulated/augment.cpp).
#pragma once

#include "../output.h"
#include "groups.h"
#include "store.h"

namespace warpmix::augment {

// One side's constants for kCount channels, in registers.
template <typename Source, int kCount>
struct Reader {
  const Source* image;
  float factor;
  float offset[kCount];

  HOST_DEVICE Reader(const AugmentParams& params, const SimpleShared& shared, int32_t s,
                     int32_t first_channel)
      : image(static_cast<const Source*>(params.images) + shared.frame[s].image +
              static_cast<int64_t>(first_channel) * params.channel_stride),
        factor(shared.side[s].step[0].factor) {
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      offset[c] = shared.side[s].step[0].offset[first_channel + c];
    }
  }

  // Values are chosen, not readers: choosing between addresses of the two costs local memory.
  HOST_DEVICE Reader choose(const Reader& other, bool take_other) const {
    Reader chosen = *this;
    chosen.image = take_other ? other.image : image;
    chosen.factor = take_other ? other.factor : factor;
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      chosen.offset[c] = take_other ? other.offset[c] : offset[c];
    }
    return chosen;
  }

  // The pixel of a table entry, the sum of its column's and its row's. The load is unconditional,
  // of the image's first pixel where there is no source: a branch round each of the group's loads
  // would keep them from being in flight together. Black is the clip's upper end: one choice a
  // pixel and not one a channel.
  HOST_DEVICE void read(int32_t entry, int32_t channel_stride, const float* fill,
                        float (&value)[kCount]) const {
    const bool has_source = entry >= 0;
    const Source* pixel = image + static_cast<uint32_t>(max_of(entry, 0));
    const float highest = is_black(entry) ? 0.0f : 255.0f;
    UNROLL
    for (int c = 0; c < kCount; ++c) {
      const float loaded = load_value(pixel + c * channel_stride);
      value[c] = contrast(has_source ? loaded : fill[c], factor, offset[c], highest);
    }
  }
};

// kInterleaved: a pixel's channels are adjacent in the source, so that their addresses are one
// address with three constants; else they are planes apart.
template <Mix kMix, bool kInterleaved, typename Source, typename Out, int kCount>
HOST_DEVICE void make_pixels(const AugmentParams& params, Tile tile, Team team,
                             const SimpleShared& shared, int32_t first_channel) {
  constexpr int kPartner = kMix == Mix::kNone ? 0 : 1;
  const Reader<Source, kCount> own(params, shared, 0, first_channel);
  const Reader<Source, kCount> partner(params, shared, kPartner, first_channel);
  const Mixing mixing = shared.mixing;
  const int32_t stride = kInterleaved ? 1 : params.channel_stride;
  const float* fill = params.program.fill + first_channel;
  float scale[kCount];
  float bias[kCount];
  UNROLL
  for (int c = 0; c < kCount; ++c) {
    scale[c] = params.scale[first_channel + c];
    bias[c] = params.bias[first_channel + c];
  }
  Out* first = static_cast<Out*>(params.batch) + shared.first +
               static_cast<int64_t>(first_channel) * params.out_channel_stride;
  const GroupRows rows(tile);
  const bool adjacent = are_adjacent<Out, kCount>(params, tile, first);
  uint32_t* const staged = shared.staged + team.warp * 2 * kStagedWords;
  int32_t turn = 0;
  for (int32_t group = team.thread; group < rows.count; group += team.threads) {
    const int32_t y = rows.row(group);
    const int32_t x = rows.first_pixel(group, y);
    const int32_t own_row = shared.row[0][y];
    const int32_t partner_row = shared.row[kPartner][y];
    const bool crosses_cut = kMix == Mix::kCut && inside(tile.y + y, mixing.box.y0, mixing.box.y1);
    const int32_t* columns = shared.column[crosses_cut ? 1 : 0] + x;
    const uint32_t cut_bits = crosses_cut ? shared.cut[x / kGroup] : 0u;
    float out[kGroup * kCount];
    UNROLL
    for (int i = 0; i < kGroup; ++i) {
      float value[kCount];
      if (kMix == Mix::kCut) {
        const bool cut = (cut_bits & kCutPixel << kCutBits * i) != 0;
        own.choose(partner, cut)
            .read((cut ? partner_row : own_row) + columns[i], stride, fill, value);
      } else {
        own.read(own_row + columns[i], stride, fill, value);
      }
      if (kMix == Mix::kBlend) {
        float other[kCount];
        partner.read(partner_row + shared.column[1][x + i], stride, fill, other);
        UNROLL
        for (int c = 0; c < kCount; ++c) {
          value[c] = blend(value[c], other[c], mixing.lam);
        }
      }
      UNROLL
      for (int c = 0; c < kCount; ++c) {
        out[i * kCount + c] = normalise(value[c], scale[c], bias[c]);
      }
    }
    const int32_t warp_group = group - team.lane;
    if (adjacent && warp_group + kLanes <= rows.count) {
      store_together(first + warp_group * kGroup * kCount, out, team.lane,
                     staged + turn * kStagedWords);
      turn ^= 1;
      continue;
    }
    store_group<Out, kCount>(params,
                             first + (y * params.out_row_stride + x * params.out_pixel_stride),
                             min_of(kGroup, tile.width - x), out);
  }
}

template <bool kInterleaved, typename Source, typename Out, int kCount>
HOST_DEVICE void make_channels(const AugmentParams& params, Tile tile, Team team,
                               const SimpleShared& shared, int32_t first_channel) {
  switch (shared.mixing.mix) {
    case Mix::kNone:
      return make_pixels<Mix::kNone, kInterleaved, Source, Out, kCount>(params, tile, team, shared,
                                                                        first_channel);
    case Mix::kCut:
      return make_pixels<Mix::kCut, kInterleaved, Source, Out, kCount>(params, tile, team, shared,
                                                                       first_channel);
    case Mix::kBlend:
      return make_pixels<Mix::kBlend, kInterleaved, Source, Out, kCount>(params, tile, team, shared,
                                                                         first_channel);
  }
}

// kChannels 0 stands for any number of channels, made one after the other.
template <typename Source, typename Out, int kChannels>
HOST_DEVICE void make_tile(const AugmentParams& params, Tile tile, Team team,
                           const SimpleShared& shared) {
  if constexpr (kChannels == 0) {
    for (int32_t c = 0; c < params.channels; ++c) {
      make_channels<true, Source, Out, 1>(params, tile, team, shared, c);
    }
  } else if (kChannels == 1 || params.channel_stride == 1) {
    make_channels<true, Source, Out, kChannels>(params, tile, team, shared, 0);
  } else {
    make_channels<false, Source, Out, kChannels>(params, tile, team, shared, 0);
  }
}

// Teams make the block's images, each its own.
template <typename Source, typename Out, int kChannels>
HOST_DEVICE void make_images(const AugmentParams& params, const BlockPlan& plan, Tile tile,
                             int32_t thread, BlockShared<true>& block) {
  const Team team(plan, thread);
  for (int32_t image = team.index; image < tile.images; image += team.count) {
    make_tile<Source, Out, kChannels>(params, tile.of_image(image), team,
                                      block.of_image(params, plan, tile, image));
  }
}

}  // namespace warpmix::augment
