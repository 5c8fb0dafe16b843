// Loads, stores and atomics, with their checks and what they cost.
#include <algorithm>
#include <sstream>
#include <tuple>

#include "instructions.h"

namespace ptx {
namespace {

enum class Space { kParameter, kShared, kGlobal, kGeneric };

// Where shared memory lies among generic addresses: where no memory of a host's program is.
constexpr uint64_t kSharedWindow = uint64_t{1} << 62;

char* memory_at(Warp& warp, Space space, uint64_t address, size_t size, Use use, int lane) {
  const Access access = warp.access(lane);
  const Launch& launch = warp.block.launch;
  const uint64_t place = address - reinterpret_cast<uint64_t>(launch.parameters);
  if (space == Space::kGeneric) {
    space = address >= kSharedWindow                ? Space::kShared
            : place < launch.kernel.parameter_bytes ? Space::kParameter
                                                    : Space::kGlobal;
  }
  if (space == Space::kShared) {
    return warp.block.shared.at(static_cast<uint32_t>(address), size, use, access, warp.line);
  }
  if (space == Space::kGlobal) {
    return global_at(address, size, use, access, warp.line);
  }
  if (place + size > launch.kernel.parameter_bytes || place % size != 0) {
    report("parameters out of bounds or misaligned", place, size, access, warp.line);
    return nullptr;
  }
  return reinterpret_cast<char*>(address);
}

// Pieces of `width` bytes that the lanes touch, each counted once.
uint64_t pieces(const uint64_t* addresses, int count, size_t size, uint64_t width) {
  std::array<uint64_t, 2 * kLanes> touched;
  int n = 0;
  for (int i = 0; i < count; ++i) {
    touched[n++] = addresses[i] / width;
    touched[n++] = (addresses[i] + size - 1) / width;
  }
  std::sort(touched.begin(), touched.begin() + n);
  return std::unique(touched.begin(), touched.begin() + n) - touched.begin();
}

// Passes over shared memory: 128 bytes at most in each, and a bank's words one after the other.
uint64_t wavefronts(const uint64_t* addresses, int count, size_t size) {
  const int together = static_cast<int>(std::min<size_t>(kLanes, 128 / size));
  uint64_t total = 0;
  for (int first = 0; first < count; first += together) {
    std::array<std::vector<uint64_t>, 32> words;
    size_t most = 1;
    for (int i = first; i < std::min(count, first + together); ++i) {
      for (uint64_t word = addresses[i] / 4; word <= (addresses[i] + size - 1) / 4; ++word) {
        std::vector<uint64_t>& bank = words[word % 32];
        if (std::find(bank.begin(), bank.end(), word) == bank.end()) {
          bank.push_back(word);
        }
        most = std::max(most, bank.size());
      }
    }
    total += most;
  }
  return total;
}

// When a sector that the warp touches now is there: warps run one after the other on the host, and
// the one that asks first by its clock may not be the first to run.
uint64_t touch_sector(Warp& warp, const Instruction& i, uint64_t sector) {
  const uint64_t asked = warp.clock + i.timing.miss;
  uint64_t& there = warp.block.sectors.try_emplace(sector, asked).first->second;
  there = std::min(there, asked);
  return there;
}

// Calls touch(lane, bytes) for each active lane whose bytes exist.
template <Space kSpace, Use kUse, typename Touch>
void access_memory(Warp& warp, const Instruction& i, int base, size_t size, const Touch& touch) {
  uint64_t addresses[kLanes];
  int count = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    if (warp.active >> lane & 1u) {
      const uint64_t address = warp.get<uint64_t>(i.operand[base], lane) + i.offset;
      addresses[count++] = address;
      if (char* bytes = memory_at(warp, kSpace, address, size, kUse, lane)) {
        touch(lane, bytes);
      }
    }
  }
  if (kSpace == Space::kGlobal || kSpace == Space::kGeneric) {
    i.counts.sectors += pieces(addresses, count, size, 32);
    const size_t before = warp.block.sectors.size();
    for (int k = 0; k < count; ++k) {
      warp.arrival = std::max(warp.arrival, touch_sector(warp, i, addresses[k] / 32));
      warp.arrival = std::max(warp.arrival, touch_sector(warp, i, (addresses[k] + size - 1) / 32));
    }
    i.counts.fresh += warp.block.sectors.size() - before;
    i.counts.lines += pieces(addresses, count, size, 128);
  } else if (kSpace == Space::kShared) {
    i.counts.lines += wavefronts(addresses, count, size);
  }
}

template <Space kSpace, typename T, int kCount>
void load(Warp& warp, const Instruction& i) {
  const auto touch = [&](int lane, const char* bytes) {
    for (int k = 0; k < kCount; ++k) {
      T value;
      std::memcpy(&value, bytes + k * sizeof(T), sizeof(T));
      // The register may be wider, as that of ld.s32 may have 64 bits: the sign goes up to its end.
      if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) {
        warp.put<int64_t>(i.operand[k], lane, value);
      } else {
        warp.put<T>(i.operand[k], lane, value);
      }
    }
  };
  access_memory<kSpace, Use::kRead>(warp, i, kCount, kCount * sizeof(T), touch);
}

template <Space kSpace, typename T, int kCount>
void store(Warp& warp, const Instruction& i) {
  const auto touch = [&](int lane, char* bytes) {
    for (int k = 0; k < kCount; ++k) {
      const T value = warp.get<T>(i.operand[1 + k], lane);
      std::memcpy(bytes + k * sizeof(T), &value, sizeof(T));
    }
  };
  access_memory<kSpace, Use::kWrite>(warp, i, 0, kCount * sizeof(T), touch);
}

// atom gives what was there, red does not.
template <Space kSpace, typename T, bool kReturns, typename Function>
void atomic(Warp& warp, const Instruction& i) {
  constexpr int kBase = kReturns ? 1 : 0;
  const auto touch = [&](int lane, char* bytes) {
    T old;
    std::memcpy(&old, bytes, sizeof(T));
    const T changed = Function{}(old, warp.get<T>(i.operand[kBase + 1], lane));
    std::memcpy(bytes, &changed, sizeof(T));
    if constexpr (kReturns) {
      warp.put<T>(i.operand[0], lane, old);
    }
  };
  access_memory<kSpace, Use::kAtomic>(warp, i, kBase, sizeof(T), touch);
}

void nothing(Warp&, const Instruction&) {}

// cp.async [shared], [global], bytes: at once, as early as the hardware may do it.
void copy(Warp& warp, const Instruction& i) {
  const size_t size = warp.get<uint32_t>(i.operand[2], std::countr_zero(warp.active));
  std::array<const char*, kLanes> from = {};
  access_memory<Space::kGlobal, Use::kRead>(
      warp, i, 1, size, [&](int lane, const char* bytes) { from[lane] = bytes; });
  access_memory<Space::kShared, Use::kWrite>(warp, i, 0, size, [&](int lane, char* bytes) {
    if (from[lane]) {
      std::memcpy(bytes, from[lane], size);
    }
  });
}

// An address from one space to another.
template <int64_t kDistance>
void moved(Warp& warp, const Instruction& i) {
  for (int lane = 0; lane < kLanes; ++lane) {
    if (warp.active >> lane & 1u) {
      warp.put<uint64_t>(i.operand[0], lane, warp.get<uint64_t>(i.operand[1], lane) + kDistance);
    }
  }
}

template <Space kSpace, typename T>
void add_type(Table& table, const std::string& space, const std::string& type) {
  table["ld" + space + "." + type] = {load<kSpace, T, 1>};
  table["ld" + space + ".v2." + type] = {load<kSpace, T, 2>};
  table["st" + space + "." + type] = {store<kSpace, T, 1>};
  table["st" + space + ".v2." + type] = {store<kSpace, T, 2>};
  if constexpr (sizeof(T) <= 4) {
    table["ld" + space + ".v4." + type] = {load<kSpace, T, 4>};
    table["st" + space + ".v4." + type] = {store<kSpace, T, 4>};
  }
}

template <Space kSpace, typename T>
void add_atomic(Table& table, const std::string& space, const std::string& type) {
  const auto add = [&](const std::string& name, auto function) {
    using Function = decltype(function);
    table["atom" + space + "." + name + "." + type] = {atomic<kSpace, T, true, Function>};
    table["red" + space + "." + name + "." + type] = {atomic<kSpace, T, false, Function>};
  };
  add("add", [](T a, T b) { return static_cast<T>(a + b); });
  if constexpr (std::is_integral_v<T>) {
    add("min", [](T a, T b) { return std::min(a, b); });
    add("max", [](T a, T b) { return std::max(a, b); });
    add("or", [](T a, T b) { return static_cast<T>(a | b); });
    add("and", [](T a, T b) { return static_cast<T>(a & b); });
  }
}

template <Space kSpace>
void add_space(Table& table, const std::string& space) {
  add_type<kSpace, uint8_t>(table, space, "u8"), add_type<kSpace, uint8_t>(table, space, "b8");
  add_type<kSpace, int8_t>(table, space, "s8"), add_type<kSpace, int16_t>(table, space, "s16");
  add_type<kSpace, uint16_t>(table, space, "u16"), add_type<kSpace, uint16_t>(table, space, "b16");
  add_type<kSpace, uint32_t>(table, space, "u32"), add_type<kSpace, uint32_t>(table, space, "b32");
  add_type<kSpace, int32_t>(table, space, "s32"), add_type<kSpace, float>(table, space, "f32");
  add_type<kSpace, uint64_t>(table, space, "u64"), add_type<kSpace, uint64_t>(table, space, "b64");
  add_type<kSpace, int64_t>(table, space, "s64"), add_type<kSpace, double>(table, space, "f64");
  add_atomic<kSpace, uint32_t>(table, space, "u32"),
      add_atomic<kSpace, int32_t>(table, space, "s32");
  add_atomic<kSpace, uint64_t>(table, space, "u64"),
      add_atomic<kSpace, uint32_t>(table, space, "b32");
}

}  // namespace

void add_accesses(Table& table) {
  add_space<Space::kGeneric>(table, "");
  add_space<Space::kParameter>(table, ".param");
  add_space<Space::kShared>(table, ".shared");
  add_space<Space::kGlobal>(table, ".global");
  for (const char* level : {"L1", "L2"}) {  // a prefetch may name what is not there
    table[std::string("prefetch.global.") + level] =
        table[std::string("prefetch.") + level] = {nothing};
  }
  table["cp.async.shared.global"] = {copy};
  table["cp.async.commit_group"] = table["cp.async.wait_all"] = {nothing};
  table["cp.async.wait_group"] = {nothing};
  for (const char* space : {"global", "param"}) {
    table[std::string("cvta.") + space + ".u64"] = {moved<0>};
    table[std::string("cvta.to.") + space + ".u64"] = {moved<0>};
  }
  table["cvta.shared.u64"] = {moved<static_cast<int64_t>(kSharedWindow)>};
  table["cvta.to.shared.u64"] = {moved<-static_cast<int64_t>(kSharedWindow)>};
  table["membar"] = table["membar.gl"] = table["fence.acq_rel"] = {nothing};
}

// Without what says how an access is cached.
std::string without_hints(const std::string& opcode) {
  static const char* const kHints[] = {"wb",
                                       "wt",
                                       "ca",
                                       "cg",
                                       "cs",
                                       "lu",
                                       "cv",
                                       "nc",
                                       "weak",
                                       "relaxed",
                                       "gpu",
                                       "cta",
                                       "volatile",
                                       "L1::no_allocate",
                                       "L1::evict_first",
                                       "L1::evict_last",
                                       "L2::64B",
                                       "L2::128B",
                                       "L2::256B",
                                       "aligned"};
  std::istringstream parts(opcode);
  std::string part;
  std::string kept;
  while (std::getline(parts, part, '.')) {
    if (std::none_of(std::begin(kHints), std::end(kHints),
                     [&](const char* hint) { return part == hint; })) {
      kept += (kept.empty() ? "" : ".") + part;
    }
  }
  return kept;
}

}  // namespace ptx
