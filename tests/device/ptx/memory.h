// The memory that a kernel sees, with who wrote and read each byte: accesses out of bounds or
// misaligned, races, and reads of what nobody wrote are reported.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ptx {

constexpr int kLanes = 32;
constexpr uint32_t kNobody = UINT32_MAX;

// Who accesses memory, and when: after how many of its block's barriers, and of its warp's.
struct Access {
  uint64_t block;
  uint32_t thread;
  uint32_t barriers;
  const std::vector<uint32_t>& warp_barriers;
};

enum class Use { kRead, kWrite, kAtomic };

// Of one byte: its last writer, and who read it since the block's last barrier.
struct Shadow {
  bool defined = false;
  uint32_t launch = 0;  // of which the rest tells, else it is void
  uint64_t block = 0;
  uint32_t writer = kNobody;
  uint32_t write_barriers = 0;
  uint32_t write_warp_barriers = 0;
  bool atomic = false;
  uint32_t read_barriers = 0;
  uint32_t read_warp_barriers = 0;
  uint32_t reading_warp = kNobody;
  uint32_t reading_lanes = 0;
  bool many_warps = false;
};

// Says what is wrong, and counts it; the first few in words.
void report(const std::string& what, uint64_t address, size_t size, const Access& access, int line);
uint64_t reports();

class SharedMemory {
 public:
  explicit SharedMemory(size_t size) : bytes_(size, char(0xA5)), shadow_(size) {}
  // The bytes at an address, or null if they are not all there.
  char* at(uint64_t address, size_t size, Use use, const Access& access, int line);

 private:
  std::vector<char> bytes_;
  std::vector<Shadow> shadow_;
};

// ---- global memory: the tensors that exist
// -------------------------------------------------------

// From now on a kernel may access these bytes. Not defined: it must not read them before it wrote
// them. read_only: nor write them.
void add_memory(const void* address, size_t size, bool defined);
void drop_memory(const void* address);
void define_memory(const void* address, size_t size);
void begin_launch();

char* global_at(uint64_t address, size_t size, Use use, const Access& access, int line);

}  // namespace ptx
