// The blocks of a launch, one after the other: warps in turn, from barrier to barrier.
#include <algorithm>

#include "machine.h"

namespace ptx {
namespace {

// All threads of a block that have not ended wait at one barrier: they pass it.
void pass_barrier(Block& block, std::vector<Warp>& warps) {
  int32_t place = -1;
  uint64_t clock = 0;
  for (const Warp& warp : warps) {
    clock = std::max(clock, warp.clock);
  }
  for (Warp& warp : warps) {
    for (int lane = 0; lane < kLanes; ++lane) {
      if (!(warp.live >> lane & 1u)) {
        continue;
      }
      if (place >= 0 && warp.at[lane] != place) {
        report("threads of a block wait at different barriers", 0, 0, warp.access(lane),
               block.launch.kernel.code[warp.at[lane]].line);
        throw Trap{};
      }
      place = warp.at[lane];
      ++warp.at[lane];
    }
    if (warp.live) {
      const Instruction& barrier = block.launch.kernel.code[place];
      ++barrier.counts.issued;
      barrier.counts.lanes += std::popcount(warp.live);
      barrier.counts.cycles += clock + barrier.timing.latency - warp.clock;
      warp.clock = clock + barrier.timing.latency;
    }
    warp.waiting = 0;
  }
  ++block.barriers;
}

// Returns its cycles: those of its slowest warp.
uint64_t run_block(const Launch& launch, uint64_t number, std::vector<Registers>& registers) {
  const Size place = {static_cast<uint32_t>(number % launch.grid.x),
                      static_cast<uint32_t>(number / launch.grid.x % launch.grid.y),
                      static_cast<uint32_t>(number / launch.grid.x / launch.grid.y)};
  Block block = {launch, place, number,
                 SharedMemory(launch.kernel.shared_bytes + launch.dynamic_shared_bytes)};
  std::vector<Warp> warps;
  for (uint32_t w = 0; w < registers.size(); ++w) {
    warps.emplace_back(block, w, registers[w]);
  }
  bool alive = true;
  while (alive) {
    alive = false;
    for (Warp& warp : warps) {
      warp.run();
      alive = alive || warp.live;
    }
    if (alive) {
      pass_barrier(block, warps);
    }
  }
  uint64_t clock = 0;
  for (const Warp& warp : warps) {
    clock = std::max(clock, warp.clock);
  }
  return clock;
}

}  // namespace

void run_launch(Kernel& kernel, const Launch& launch) {
  begin_launch();
  const uint64_t warps = (launch.block.count() + kLanes - 1) / kLanes;
  const size_t size = kernel.registers;
  std::vector<Registers> registers(
      warps, {std::vector<uint64_t>(size * kLanes), std::vector<uint64_t>(size)});
  for (uint64_t number = 0; number < launch.grid.count(); ++number) {
    kernel.block_cycles += run_block(launch, number, registers);
    ++kernel.blocks;
    kernel.warps += warps;
  }
}

}  // namespace ptx
