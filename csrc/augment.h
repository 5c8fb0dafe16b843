// The augmentation ops: argument lists, and their translation to a launch's plain parameters.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "augment/params.h"
#include "checks.h"

namespace warpmix {

using OptionalTensor = std::optional<Tensor>;

// images: logically [N, H, W, C] uint8 or float32 on [0,255], dense as NHWC or as NCHW.
// index, ids: [B] int64; active: [B] bool; labels: [N] int64; sums: [N, C] int64;
// draws: [B, sides, stages, 8] int32; step: [1] int64; scale, bias: [C].
// batch: [B, C, h, w] f32, f16, bf16 or uint8, contiguous or channels_last; pair: [2, B] int64;
// lam: [B] float32.
#define WARPMIX_AUGMENT_ARGUMENTS                                                             \
  const Tensor &images, const OptionalTensor &index, const OptionalTensor &ids,               \
      const OptionalTensor &active, const OptionalTensor &labels, const OptionalTensor &sums, \
      const OptionalTensor &draws, const OptionalTensor &step, int64_t seed, int64_t epoch,   \
      bool from_batch, const std::vector<int64_t>&program, const std::vector<double>&scale,   \
      const std::vector<double>&bias, Tensor batch, Tensor pair, Tensor lam

#define WARPMIX_DRAW_ARGUMENTS                                                               \
  const Tensor &images, const OptionalTensor &index, const OptionalTensor &ids,              \
      const OptionalTensor &active, const OptionalTensor &step, int64_t seed, int64_t epoch, \
      bool from_batch, const std::vector<int64_t>&program, Tensor draws

#define WARPMIX_PASS_AUGMENT                                                                      \
  images, index, ids, active, labels, sums, draws, step, seed, epoch, from_batch, program, scale, \
      bias, batch, pair, lam
#define WARPMIX_PASS_DRAW images, index, ids, active, step, seed, epoch, from_batch, program, draws

namespace cpu {
void augment(WARPMIX_AUGMENT_ARGUMENTS);
void augment_emulated(WARPMIX_AUGMENT_ARGUMENTS);
void draw(WARPMIX_DRAW_ARGUMENTS);
void channel_sums(const Tensor& images, Tensor sums);
void channel_sums_emulated(const Tensor& images, Tensor sums);
}  // namespace cpu

namespace cuda {
void augment(WARPMIX_AUGMENT_ARGUMENTS);
void draw(WARPMIX_DRAW_ARGUMENTS);
void channel_sums(const Tensor& images, Tensor sums);
}  // namespace cuda

// A checked call: what to launch, and the type of its images.
struct AugmentCall {
  augment::AugmentParams params;
  bool source_is_float;
};

AugmentCall augment_call(WARPMIX_AUGMENT_ARGUMENTS);
augment::AugmentParams draw_call(WARPMIX_DRAW_ARGUMENTS);
// Elements of AugmentParams::entering, which the CUDA backend and its emulation allocate.
int64_t entering_count(const augment::AugmentParams& params);
augment::SumsParams sums_call(const Tensor& images, const Tensor& sums);

}  // namespace warpmix
