#include "machine.h"

#include <algorithm>

#include "instructions.h"

namespace ptx {
namespace {

uint64_t special(const std::string& name, const Warp& warp, int lane) {
  const Launch& launch = warp.block.launch;
  const uint32_t thread = warp.thread(lane);
  const Size& threads = launch.block;
  const auto dimension = [&](const Size& size) {
    return name.back() == 'x' ? size.x : name.back() == 'y' ? size.y : size.z;
  };
  if (name.starts_with("%tid")) {
    return dimension(
        {thread % threads.x, thread / threads.x % threads.y, thread / threads.x / threads.y});
  }
  if (name.starts_with("%ctaid")) {
    return dimension(warp.block.place);
  }
  if (name.starts_with("%ntid")) {
    return dimension(threads);
  }
  if (name.starts_with("%nctaid")) {
    return dimension(launch.grid);
  }
  if (name == "%laneid") {
    return lane;
  }
  if (name.starts_with("%lanemask_")) {
    const uint32_t below = (1u << lane) - 1u;
    const std::string which = name.substr(10);
    return which == "lt"   ? below
           : which == "le" ? below | 1u << lane
           : which == "eq" ? 1u << lane
           : which == "ge" ? ~below
                           : ~below & ~(1u << lane);
  }
  throw std::runtime_error("unknown special register " + name);
}

uint32_t live_lanes(const Launch& launch, uint32_t warp) {
  const uint64_t left = launch.block.count() - uint64_t{warp} * kLanes;
  return left >= kLanes ? ~0u : (1u << left) - 1u;
}

}  // namespace

Warp::Warp(Block& b, uint32_t n, Registers& registers)
    : block(b),
      number(n),
      value(registers.value),
      ready(registers.ready),
      live(live_lanes(b.launch, n)) {
  std::fill(ready.begin(), ready.end(), 0);
  for (const Preset& preset : b.launch.kernel.presets) {
    for (int lane = 0; lane < kLanes && preset.kind != 'a'; ++lane) {
      uint64_t bits =
          preset.kind == 'x' ? special(preset.value, *this, lane) : std::stoull(preset.value);
      if (preset.kind == 'p') {
        bits += reinterpret_cast<uint64_t>(b.launch.parameters);
      }
      put<uint64_t>(preset.register_number, lane, bits);
    }
  }
}

uint32_t Warp::lanes_at(int32_t place) const {
  uint32_t lanes = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    lanes |= at[lane] == place ? 1u << lane : 0u;
  }
  return lanes & live;
}

void Warp::run() {
  uint32_t blocked = waiting;
  while (live & ~blocked) {
    int32_t place = INT32_MAX;
    for (int lane = 0; lane < kLanes; ++lane) {
      if ((live & ~blocked) >> lane & 1u) {
        place = std::min(place, at[lane]);
      }
    }
    uint32_t lanes = lanes_at(place);
    const Instruction& first = block.launch.kernel.code[place];
    line = first.line;
    if (first.operation.flow == Flow::kBlockBarrier) {
      waiting |= lanes;
      blocked |= lanes;
      continue;
    }
    if (first.operation.flow == Flow::kWarpBarrier) {
      const int lane = std::countr_zero(lanes);
      const uint32_t wanted = get<uint32_t>(first.operand[first.operation.mask], lane);
      uint32_t agreeing = 0;
      for (int other = 0; other < kLanes; ++other) {
        if (lanes >> other & 1u &&
            get<uint32_t>(first.operand[first.operation.mask], other) == wanted) {
          agreeing |= 1u << other;
        }
      }
      if (!(wanted >> lane & 1u) || (wanted & ~live)) {
        report("a warp's barrier names lanes that have ended, or not its own", wanted, 0,
               access(lane), line);
      } else if ((agreeing & wanted) != wanted) {
        blocked |= lanes;  // until the others come
        if (!(live & ~blocked)) {
          report("lanes wait for others of their warp that never come", wanted, 0, access(lane),
                 line);
          throw Trap{};
        }
        continue;
      }
      lanes = agreeing & (wanted & live ? wanted : lanes);
      blocked &= ~lanes;
    }
    run_lanes(lanes, place);
  }
}

// Warps issue in order: an instruction waits for its operands, and those after it for it.
void Warp::issue(const Instruction& instruction) {
  ++instruction.counts.issued;
  const uint64_t before = clock;
  clock += instruction.timing.issue;
  const auto wait_for = [&](int32_t operand) {
    clock = std::max(clock, ready[operand < 0 ? -1 - operand : operand]);
  };
  if (instruction.guard != kNone) {
    wait_for(instruction.guard);
  }
  if (instruction.timing.issue > 0) {
    for (int i = instruction.timing.results; i < instruction.operands; ++i) {
      wait_for(instruction.operand[i]);
    }
  }
  instruction.counts.cycles += clock - before;
}

void Warp::finish(const Instruction& instruction) {
  const Timing& timing = instruction.timing;
  uint64_t when = clock + (missed ? timing.miss : timing.latency);
  if (timing.issue == 0) {  // as its operands
    for (int i = timing.results; i < instruction.operands; ++i) {
      const int32_t operand = instruction.operand[i];
      when = std::max(when, ready[operand < 0 ? -1 - operand : operand]);
    }
  }
  for (int i = 0; i < timing.results; ++i) {
    ready[instruction.operand[i]] = when;
  }
}

// Runs lanes from `place` on until they part, end, or reach where others are or a barrier.
void Warp::run_lanes(uint32_t lanes, int32_t place) {
  const std::vector<Instruction>& code = block.launch.kernel.code;
  int32_t others = INT32_MAX;  // the nearest place where other lanes are
  for (int lane = 0; lane < kLanes; ++lane) {
    if ((live & ~lanes) >> lane & 1u && at[lane] > place) {
      others = std::min(others, at[lane]);
    }
  }
  bool first = true;
  while (true) {
    const Instruction& instruction = code[place];
    const Flow flow = instruction.operation.flow;
    const bool meets = flow == Flow::kBlockBarrier || flow == Flow::kWarpBarrier;
    if (!first && (meets || place >= others)) {
      break;
    }
    first = false;
    line = instruction.line;
    uint32_t chosen = lanes;
    if (instruction.guard != kNone) {
      for (int lane = 0; lane < kLanes; ++lane) {
        if (chosen >> lane & 1u && !get<bool>(instruction.guard, lane)) {
          chosen &= ~(1u << lane);
        }
      }
    }
    issue(instruction);
    instruction.counts.lanes += std::popcount(chosen);
    if (flow == Flow::kBranch) {
      if (chosen != 0 && chosen != lanes) {
        for (int lane = 0; lane < kLanes; ++lane) {
          if (lanes >> lane & 1u) {
            at[lane] = chosen >> lane & 1u ? instruction.target : place + 1;
          }
        }
        return;
      }
      place = chosen == 0 ? place + 1 : instruction.target;
      continue;
    }
    if (flow == Flow::kTrap && chosen != 0) {
      throw Trap{};
    }
    if (flow == Flow::kExit) {
      live &= ~chosen;
      lanes &= ~chosen;
      if (lanes == 0) {
        return;
      }
    } else if (chosen != 0 && instruction.operation.run != nullptr) {
      active = chosen;
      missed = false;
      instruction.operation.run(*this, instruction);
    }
    finish(instruction);
    ++place;
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    if (lanes >> lane & 1u) {
      at[lane] = place;
    }
  }
}

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
