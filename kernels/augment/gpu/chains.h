// Launches with chains: a kernel a slot, chain after chain. A chain's first operation reads the
// source, each other one what the one before it left, and its last one adds to the mix, so that a
// sample's blocks have nothing to do in the slots that its chains do not reach.
#pragma once

#include "moved_pixels.h"

namespace warpmix::augment {

// What the slot of a launch is to a sample. {}: of a launch without chains.
struct ChainStep {
  bool idle;          // nothing to do
  bool begins;        // the mix, with the sample's own share
  bool ends;          // a chain
  bool finishes;      // the mix
  float own_share;    // where the mix begins
  float chain_share;  // where a chain ends
};

// `draw` of that slot. A sample that the launch leaves as it is is written in the first one.
HOST_DEVICE ChainStep chain_step(const AugmentParams& params, int64_t id, const StageDraw& draw) {
  if (!has_chains(params.program)) {
    return {};
  }
  const Stage& stage = params.program.stages[params.slot];
  const AugMixStage& augmix = stage.augmix;
  if (draw.on == 0) {
    return {params.slot != 0};
  }
  const bool begins = params.slot == 0;
  const bool ends = augmix.slot == draw.augmix.depth - 1;
  ChainStep step = {augmix.slot >= draw.augmix.depth,          begins,          ends,
                    ends && augmix.chain == augmix.chains - 1, draw.augmix.own, draw.augmix.share};
  if (params.draws == nullptr && (begins || ends)) {
    step.own_share = own_share(params, stage, id);
    step.chain_share = ends ? chain_share(params, stage, id, step.own_share) : 0.0f;
  }
  return step;
}

// Number of the image that a slot reads.
HOST_DEVICE int32_t entering_row(const AugmentParams& params, int32_t position, int32_t row) {
  const bool later =
      has_chains(params.program) && params.program.stages[params.slot].augmix.slot > 0;
  return later ? position : row;
}

// A group of pixels of such a sample: `value` is what the slot's operation made, and becomes the
// mix. False where it is not finished.
template <typename Source, int kCount>
HOST_DEVICE bool mix_group(const AugmentParams& params, const ChainStep& step, int32_t position,
                           int32_t row, int32_t x, int32_t y, int32_t channel,
                           Group<kCount>& value) {
  const int32_t elements = min_of(kGroup, params.width - x) * kCount;
  if (!step.ends) {
    const int32_t left = params.program.stages[params.slot].augmix.slot % 2 + 1;
    store(PassedImage<kCount>(params, position, channel, left).pixel(x, y), value, elements);
    if (!step.begins) {
      return false;
    }
  }
  const PassedImage<kCount> mix(params, position, channel, 0);
  const ImageReader<Source> read(params, row, channel);
  UNROLL
  for (int i = 0; i < kGroup * kCount; ++i) {
    const int32_t column = min_of(x + i / kCount, params.width - 1);
    const float before =
        step.begins ? step.own_share * read(column, y, i % kCount) : mix(column, y, i % kCount);
    value[i] = step.ends ? with_chain(before, step.chain_share, value[i]) : before;
  }
  if (step.finishes) {
    UNROLL
    for (int i = 0; i < kGroup * kCount; ++i) {
      value[i] = at_most(value[i], 255.0f);
    }
    return true;
  }
  store(mix.pixel(x, y), value, elements);
  return false;
}

// Calls function(parameters, Source()) for each kernel of such a launch, with the type of what it
// reads. kChannels as in dispatch.h.
template <typename Source, int kChannels, typename Function>
void for_each_slot(const AugmentParams& params, const Function& function) {
  for (int32_t i = 0; i < params.program.count; ++i) {
    AugmentParams of = params;
    of.slot = i;
    const int32_t slot = params.program.stages[i].augmix.slot;
    if (slot == 0) {
      function(of, Source());
      continue;
    }
    const PassedImage<(kChannels > 0 ? kChannels : 1)> left(params, 0, 0, (slot - 1) % 2 + 1);
    of.images = left.first;
    of.image_stride = params.out_image_stride;
    of.pixel_stride = left.pixel_stride;
    of.row_stride = left.pixel_stride * params.width;
    of.channel_stride = left.channel_stride;
    function(of, float());
  }
}

}  // namespace warpmix::augment
