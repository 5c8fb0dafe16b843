// The draws of a sample, made while the one before it is: its images, which may lie anywhere in the
// data set, are then on their way to the cache.
#pragma once

#include "../../simd.h"
#include "../draw.h"

namespace warpmix::augment {

struct Drawn {
  StageDraw draws[2][kMaxStages];
  SampleDraws samples;
};

template <typename Source>
const Source* first_element(const AugmentParams& params, int32_t row) {
  return static_cast<const Source*>(params.images) + source_image(params, row).first;
}

// The processor sees by itself how a large image goes on.
template <typename Source>
void prefetch_image(const AugmentParams& params, int32_t row) {
  constexpr int64_t kPrefetchBytes = 4096;
  const char* bytes = reinterpret_cast<const char*>(first_element<Source>(params, row));
  const int64_t elements = int64_t{pixels_of(source_image(params, row).extent)} * params.channels;
  const int64_t size = min_of<int64_t>(kPrefetchBytes, elements * sizeof(Source));
  for (int64_t i = 0; i < size; i += 64) {
    __builtin_prefetch(bytes + i);
  }
}

namespace {

// draw_sample with the machine's best instructions: floorf and rintf are calls without SSE 4.1.
WARPMIX_SIMD_CLONES void draw_cloned(const AugmentParams& params, int32_t position,
                                     StageDraw (*draws)[kMaxStages], SampleDraws& samples) {
  samples = params.program.is_simple ? draw_sample<true>(params, position, draws)
                                     : draw_sample<false>(params, position, draws);
}

}  // namespace

template <typename Source>
void draw_and_prefetch(const AugmentParams& params, int32_t position, Drawn& drawn) {
  draw_cloned(params, position, drawn.draws, drawn.samples);
  const SampleDraws& samples = drawn.samples;
  if (params.index != nullptr) {  // else images follow each other, which the processor sees
    prefetch_image<Source>(params, samples.own.row);
  }
  if (samples.partner.row != samples.own.row) {
    prefetch_image<Source>(params, samples.partner.row);
  }
}

}  // namespace warpmix::augment
