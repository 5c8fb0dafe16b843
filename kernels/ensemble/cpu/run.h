// The CPU's runs of this folder, for csrc/cpu. What they count into is zeroed by the caller.
#pragma once

#include "../../parallel_for.h"
#include "../params.h"

namespace warpmix::ensemble {

void run_vote(const VoteParams& params, ParallelFor parallel_for);
void run_planes(const PlanesParams& params, ParallelFor parallel_for);
void run_greedy(const GreedyParams& params, ParallelFor parallel_for);
void run_bootstrap(const BootstrapParams& params, ParallelFor parallel_for);

}  // namespace warpmix::ensemble
