// The launches of this folder, for csrc/cuda. Each returns without waiting.
#pragma once

#include <cuda_runtime_api.h>

#include "../params.h"

namespace warpmix::augment {

// A launch for each contrast that pivots on a mean of the image as it enters, or for the statistics
// of images whose operations need them; then the batch's.
void launch_augment(const AugmentParams& params, OutType source_type, cudaStream_t stream);

// Fills draws [B, sides, count, kDrawWords] with what launch_augment would draw.
void launch_draw(const AugmentParams& params, int32_t* draws, cudaStream_t stream);

void launch_channel_sums(const SumsParams& params, bool source_is_float, cudaStream_t stream);

}  // namespace warpmix::augment
