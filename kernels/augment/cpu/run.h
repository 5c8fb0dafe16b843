// The CPU's runs of this folder, for csrc/cpu.
#pragma once

#include "../../parallel_for.h"
#include "../params.h"

namespace warpmix::augment {

void run_augment(const AugmentParams& params, OutType source_type, ParallelFor parallel_for);

// Fills draws [B, sides, count, kDrawWords] with what run_augment would draw.
void run_draw(const AugmentParams& params, int32_t* draws, ParallelFor parallel_for);

void run_channel_sums(const SumsParams& params, bool source_is_float, ParallelFor parallel_for);

}  // namespace warpmix::augment
