#include "machine.h"

#include <algorithm>

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
      arrival = 0;
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

}  // namespace ptx
