// The augmentation ops' checks, which translate their arguments to a launch's plain parameters.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "augment/params.h"
#include "checks.h"

namespace warpmix {

using OptionalTensor = std::optional<Tensor>;

// What to launch, the type of its images, and the images: on their device.
struct AugmentCall {
  augment::AugmentParams params;
  augment::OutType source_type;
  Tensor images;
};

struct DrawCall {
  augment::AugmentParams params;
  int32_t* draws;
  Tensor images;
};

struct SumsCall {
  augment::SumsParams params;
  bool source_is_float;
  Tensor images;
};

// images: logically [N, H, W, C] uint8, or float32 on [0,255] or, where the program does not clip,
// of any values; dense as NHWC or as NCHW. Or with offsets [N] int64 and sizes [N, 2] int32
// (height, width) all pixels [P, C] uint8 of images of sizes of their own, which begin at pixel
// offsets[n]. index, ids: [B] int64; active: [B] bool; labels: [N] int64; sums: [N, C] int64;
// draws: [B, sides, stages, 8] int32; step: [1] int64; program: see program.h; scale, bias: [C].
// batch: [B, C, h, w] f32, f16, bf16 or uint8, contiguous or channels_last; pair: [2, B] int64;
// lam: [B] float32.
AugmentCall check_augment(const Tensor& images, const OptionalTensor& index,
                          const OptionalTensor& ids, const OptionalTensor& active,
                          const OptionalTensor& labels, const OptionalTensor& sums,
                          const OptionalTensor& draws, const OptionalTensor& step, int64_t seed,
                          int64_t epoch, bool from_batch, const std::vector<int64_t>& program,
                          const std::vector<double>& scale, const std::vector<double>& bias,
                          const Tensor& batch, const Tensor& pair, const Tensor& lam,
                          const OptionalTensor& offsets, const OptionalTensor& sizes);

DrawCall check_draw(const Tensor& images, const OptionalTensor& index, const OptionalTensor& ids,
                    const OptionalTensor& active, const OptionalTensor& step, int64_t seed,
                    int64_t epoch, bool from_batch, const std::vector<int64_t>& program,
                    const Tensor& draws, const OptionalTensor& offsets,
                    const OptionalTensor& sizes);

// Of draws [B, sides, stages, 8] int32 in host memory, to be replayed on `image_count` images;
// where these have `sizes` of their own, on those of `index`.
struct DrawsCheck {};
DrawsCheck check_draws(const Tensor& draws, int64_t image_count, bool from_batch,
                       const std::vector<int64_t>& program, const OptionalTensor& index,
                       const OptionalTensor& sizes);

SumsCall check_channel_sums(const Tensor& images, const Tensor& sums, const OptionalTensor& offsets,
                            const OptionalTensor& sizes);

// Sizes of what the CUDA backend and its emulation allocate: elements of AugmentParams::entering,
// of its statistics and of between_passes.
int64_t entering_count(const augment::AugmentParams& params);
int64_t statistics_count(const augment::AugmentParams& params);
int64_t between_count(const augment::AugmentParams& params);

}  // namespace warpmix
