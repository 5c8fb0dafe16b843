#include "memory.h"

#include <cstdio>
#include <cstdlib>

namespace ptx {
namespace {

constexpr uint64_t kShown = 20;
constexpr uint32_t kManyBlocks = UINT32_MAX;  // as read_barriers: no barrier is between them

uint64_t report_count = 0;
uint32_t current_launch = 1;

struct Range {
  size_t size;
  std::vector<Shadow> shadow;
};

std::map<uint64_t, Range> ranges;  // by first address

// Whether all of `lanes` met at a barrier of their warp after its first `passed`.
bool met(const Access& access, uint32_t passed, uint32_t lanes) {
  for (size_t i = access.warp_barriers.size(); i > passed; --i) {
    if ((access.warp_barriers[i - 1] & lanes) == lanes) {
      return true;
    }
  }
  return false;
}

uint32_t lane_bit(uint32_t thread) { return 1u << thread % kLanes; }

bool written_before(const Shadow& byte, const Access& access) {
  if (byte.writer == kNobody) {
    return true;
  }
  if (byte.block != access.block) {
    return false;
  }
  if (byte.writer == access.thread || byte.write_barriers < access.barriers) {
    return true;
  }
  return byte.writer / kLanes == access.thread / kLanes &&
         met(access, byte.write_warp_barriers, lane_bit(byte.writer) | lane_bit(access.thread));
}

bool read_before(const Shadow& byte, const Access& access) {
  if (byte.reading_warp == kNobody) {
    return true;
  }
  if (byte.block != access.block) {
    return false;
  }
  if (byte.read_barriers < access.barriers) {
    return true;
  }
  const uint32_t own = lane_bit(access.thread);
  const bool same_warp = !byte.many_warps && byte.reading_warp == access.thread / kLanes;
  return same_warp && ((byte.reading_lanes & ~own) == 0 ||
                       met(access, byte.read_warp_barriers, byte.reading_lanes | own));
}

void note_read(Shadow& byte, const Access& access) {
  const uint32_t warp = access.thread / kLanes;
  const bool was_read = byte.reading_warp != kNobody;
  if (was_read && (byte.block != access.block || byte.read_barriers == kManyBlocks)) {
    byte.read_barriers = kManyBlocks;
    byte.many_warps = true;
    return;
  }
  const bool fresh = !was_read || byte.read_barriers != access.barriers;
  if (fresh) {
    byte.many_warps = false;
    byte.reading_lanes = 0;
  } else if (byte.reading_warp != warp) {
    byte.many_warps = true;
  }
  byte.reading_warp = warp;
  byte.reading_lanes |= lane_bit(access.thread);
  byte.read_barriers = access.barriers;
  byte.read_warp_barriers = static_cast<uint32_t>(access.warp_barriers.size());
}

// What is wrong with this use of one byte, or null; notes the use.
const char* use_byte(Shadow& byte, Use use, const Access& access) {
  if (byte.launch != current_launch) {
    const bool defined = byte.defined;
    byte = {};
    byte.defined = defined;
    byte.launch = current_launch;
  }
  const char* wrong = nullptr;
  const bool both_atomic = use == Use::kAtomic && byte.atomic;
  if (use != Use::kWrite && !byte.defined) {
    wrong = "read of what nobody wrote";
  } else if (!both_atomic && !written_before(byte, access)) {
    wrong = use == Use::kRead ? "race: read of another thread's write"
                              : "race: write over another thread's write";
  } else if (use != Use::kRead && !read_before(byte, access)) {
    wrong = "race: write over what another thread reads";
  }
  if (use == Use::kRead) {
    note_read(byte, access);
    if (byte.writer == kNobody) {
      byte.block = access.block;
    }
  } else {
    byte.defined = true;
    byte.block = access.block;
    byte.writer = access.thread;
    byte.write_barriers = access.barriers;
    byte.write_warp_barriers = static_cast<uint32_t>(access.warp_barriers.size());
    byte.atomic = use == Use::kAtomic;
  }
  return wrong;
}

void use_bytes(Shadow* shadow, uint64_t address, size_t size, Use use, const Access& access,
               int line) {
  const char* wrong = nullptr;
  for (size_t i = 0; i < size; ++i) {
    const char* found = use_byte(shadow[i], use, access);
    wrong = wrong ? wrong : found;
  }
  if (wrong) {
    report(wrong, address, size, access, line);
  }
}

}  // namespace

void report(const std::string& what, uint64_t address, size_t size, const Access& access,
            int line) {
  if (report_count++ < kShown) {
    std::printf("  %s: line %d of the PTX, %zu bytes at %#llx, thread %u of block %llu\n",
                what.c_str(), line, size, static_cast<unsigned long long>(address), access.thread,
                static_cast<unsigned long long>(access.block));
  }
}

uint64_t reports() { return report_count; }

char* SharedMemory::at(uint64_t address, size_t size, Use use, const Access& access, int line) {
  if (address + size > bytes_.size()) {
    report("shared memory out of bounds", address, size, access, line);
    return nullptr;
  }
  if (address % size != 0) {
    report("shared memory misaligned", address, size, access, line);
  }
  use_bytes(shadow_.data() + address, address, size, use, access, line);
  return bytes_.data() + address;
}

void add_memory(const void* address, size_t size, bool defined) {
  if (size > 0) {
    Range range = {size, std::vector<Shadow>(size)};
    for (Shadow& byte : range.shadow) {
      byte.defined = defined;
    }
    ranges[reinterpret_cast<uint64_t>(address)] = std::move(range);
  }
}

void drop_memory(const void* address) { ranges.erase(reinterpret_cast<uint64_t>(address)); }

void define_memory(const void* address, size_t size) {
  const auto first = reinterpret_cast<uint64_t>(address);
  auto found = ranges.upper_bound(first);
  if (found == ranges.begin() || (--found, first + size > found->first + found->second.size)) {
    std::printf("  memset out of bounds: %zu bytes\n", size);
    ++report_count;
    return;
  }
  for (size_t i = 0; i < size; ++i) {
    found->second.shadow[first - found->first + i].defined = true;
  }
}

void begin_launch() { ++current_launch; }

char* global_at(uint64_t address, size_t size, Use use, const Access& access, int line) {
  auto found = ranges.upper_bound(address);
  if (found == ranges.begin() || (--found, address + size > found->first + found->second.size)) {
    report("global memory out of bounds", address, size, access, line);
    return nullptr;
  }
  if (address % size != 0) {
    report("global memory misaligned", address, size, access, line);
  }
  use_bytes(found->second.shadow.data() + (address - found->first), address, size, use, access,
            line);
  return reinterpret_cast<char*>(address);
}

}  // namespace ptx
