// Instructions that a warp's lanes do together.
#include "instructions.h"

namespace ptx {
namespace {

template <typename Result>
void give(Warp& warp, const Instruction& i, const Result& of_lane) {
  std::array<uint32_t, kLanes> results;
  for (int lane = 0; lane < kLanes; ++lane) {
    results[lane] = warp.active >> lane & 1u ? of_lane(lane) : 0u;
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    if (warp.active >> lane & 1u) {
      warp.put<uint32_t>(i.operand[0], lane, results[lane]);
    }
  }
}

enum class Way { kDown, kUp, kButterfly, kIndex };

// shfl.sync d[|p], a, b, c, mask: c holds the highest lane, and the segment's bits from bit 8 on.
template <Way kWay, bool kPair>
void shuffle(Warp& warp, const Instruction& i) {
  constexpr int kFirst = kPair ? 2 : 1;
  std::array<uint32_t, kLanes> from;
  std::array<bool, kLanes> inside;
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.active >> lane & 1u)) {
      continue;
    }
    const int b = static_cast<int>(warp.get<uint32_t>(i.operand[kFirst + 1], lane) & 31u);
    const uint32_t c = warp.get<uint32_t>(i.operand[kFirst + 2], lane);
    const uint32_t segment = c >> 8 & 31u;
    const int highest = static_cast<int>((lane & segment) | (c & 31u & ~segment));
    const int lowest = static_cast<int>(lane & segment);
    int source = lane;
    switch (kWay) {
      case Way::kDown:
        source = lane + b, inside[lane] = source <= highest;
        break;
      case Way::kUp:
        source = lane - b, inside[lane] = source >= highest;
        break;
      case Way::kButterfly:
        source = lane ^ b, inside[lane] = source <= highest;
        break;
      case Way::kIndex:
        source = lowest | (b & static_cast<int>(~segment)), inside[lane] = source <= highest;
        break;
    }
    source = inside[lane] ? source : lane;
    if (!(warp.active >> source & 1u)) {
      report("a shuffle reads a lane that is not here", source, 4, warp.access(lane), warp.line);
      source = lane;
    }
    from[lane] = warp.get<uint32_t>(i.operand[kFirst], source);
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    if (warp.active >> lane & 1u) {
      warp.put<uint32_t>(i.operand[0], lane, from[lane]);
      if (kPair) {
        warp.put<bool>(i.operand[1], lane, inside[lane]);
      }
    }
  }
}

uint32_t ballot(const Warp& warp, int32_t predicate) {
  uint32_t lanes = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    if (warp.active >> lane & 1u && warp.get<bool>(predicate, lane)) {
      lanes |= 1u << lane;
    }
  }
  return lanes;
}

void vote_ballot(Warp& warp, const Instruction& i) {
  const uint32_t lanes = ballot(warp, i.operand[1]);
  give(warp, i, [&](int) { return lanes; });
}

template <bool kAll>
void vote_whole(Warp& warp, const Instruction& i) {
  const uint32_t lanes = ballot(warp, i.operand[1]);
  const bool result = kAll ? lanes == warp.active : lanes != 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    if (warp.active >> lane & 1u) {
      warp.put<bool>(i.operand[0], lane, result);
    }
  }
}

void active_lanes(Warp& warp, const Instruction& i) {
  give(warp, i, [&](int) { return warp.active; });
}

template <typename T>
void match_any(Warp& warp, const Instruction& i) {
  give(warp, i, [&](int lane) {
    uint32_t same = 0;
    for (int other = 0; other < kLanes; ++other) {
      const bool equal = warp.get<T>(i.operand[1], other) == warp.get<T>(i.operand[1], lane);
      same |= uint32_t{(warp.active >> other & 1u) && equal} << other;
    }
    return same;
  });
}

template <typename T, typename Function>
void reduce(Warp& warp, const Instruction& i) {
  const int first = std::countr_zero(warp.active);
  T total = warp.get<T>(i.operand[1], first);
  for (int lane = first + 1; lane < kLanes; ++lane) {
    if (warp.active >> lane & 1u) {
      total = Function{}(total, warp.get<T>(i.operand[1], lane));
    }
  }
  give(warp, i, [&](int) { return static_cast<uint32_t>(total); });
}

// Orders the memory of the lanes that meet.
void meet(Warp& warp, const Instruction&) { warp.barriers.push_back(warp.active); }

}  // namespace

void add_collectives(Table& table) {
  constexpr Flow kWarp = Flow::kWarpBarrier;
  const auto add_shuffle = [&]<Way kWay>(const std::string& way,
                                         std::integral_constant<Way, kWay>) {
    table["shfl.sync." + way + ".b32"] = {shuffle<kWay, false>, kWarp, 4};
    table["shfl.sync." + way + ".b32.pair"] = {shuffle<kWay, true>, kWarp, 5};
  };
  add_shuffle("down", std::integral_constant<Way, Way::kDown>{});
  add_shuffle("up", std::integral_constant<Way, Way::kUp>{});
  add_shuffle("bfly", std::integral_constant<Way, Way::kButterfly>{});
  add_shuffle("idx", std::integral_constant<Way, Way::kIndex>{});
  table["vote.sync.ballot.b32"] = {vote_ballot, kWarp, 2};
  table["vote.sync.any.pred"] = {vote_whole<false>, kWarp, 2};
  table["vote.sync.all.pred"] = {vote_whole<true>, kWarp, 2};
  table["match.any.sync.b32"] = {match_any<uint32_t>, kWarp, 2};
  table["match.any.sync.b64"] = {match_any<uint64_t>, kWarp, 2};
  table["activemask.b32"] = {active_lanes};
  table["bar.warp.sync"] = {meet, kWarp, 0};
  table["bar.sync"] = table["barrier.sync"] = {nullptr, Flow::kBlockBarrier};
  const auto add_reduction = [&](const std::string& name, auto function) {
    using F = decltype(function);
    table["redux.sync." + name + ".u32"] = {reduce<uint32_t, F>, kWarp, 2};
    table["redux.sync." + name + ".s32"] = {reduce<int32_t, F>, kWarp, 2};
    table["redux.sync." + name + ".b32"] = {reduce<uint32_t, F>, kWarp, 2};
  };
  add_reduction("add", [](auto a, auto b) { return a + b; });
  add_reduction("min", [](auto a, auto b) { return b < a ? b : a; });
  add_reduction("max", [](auto a, auto b) { return a < b ? b : a; });
  add_reduction("or", [](auto a, auto b) { return a | b; });
  add_reduction("and", [](auto a, auto b) { return a & b; });
  add_reduction("xor", [](auto a, auto b) { return a ^ b; });
}

}  // namespace ptx
