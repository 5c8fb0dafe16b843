// A GPU's blocks on the host: warps of 32 lanes that run a kernel's PTX in step, each lane with its
// own place in it. Of a warp's lanes those that are furthest behind run, so that lanes which part
// at a branch meet again where their ways do. What the hardware leaves undefined is reported.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "memory.h"

namespace ptx {

constexpr int kOperands = 8;
constexpr int32_t kNone = INT32_MIN;

struct Warp;
struct Instruction;

// What follows an instruction.
enum class Flow { kNext, kBranch, kExit, kTrap, kBlockBarrier, kWarpBarrier };

struct Operation {
  void (*run)(Warp&, const Instruction&);
  Flow flow = Flow::kNext;
  int mask = -1;  // the operand with the lanes that must be here, of a warp's barrier
};

// When an instruction's results are there, in cycles after it was issued.
struct Timing {
  int32_t results = 1;  // operands that it writes, the first ones
  int32_t issue = 1;    // cycles that it takes from the warp; 0 of what is no machine instruction
  int32_t latency = 5;
  int32_t miss = 5;  // of a load that touches memory which its block has not touched
};

// What a warp's executions of an instruction cost, summed.
struct Counts {
  uint64_t issued = 0;
  uint64_t lanes = 0;    // active ones
  uint64_t sectors = 0;  // of 32 bytes of global memory, that the lanes of a warp touch
  uint64_t lines = 0;    // of 128 bytes likewise; of shared memory, its wavefronts
  uint64_t fresh = 0;    // sectors that no thread of the block had touched before
  uint64_t cycles = 0;   // until it could be issued after the one before, if the warp were alone
};

struct Instruction {
  std::string opcode;
  Operation operation;
  int32_t operands = 0;
  Timing timing;
  int32_t line = 0;
  int32_t guard = kNone;
  int32_t target = kNone;
  int64_t offset = 0;
  int32_t operand[kOperands] = {};
  int32_t place = 0;  // in the PTX
  mutable Counts counts;
};

struct Preset {
  char kind;
  int32_t register_number;
  std::string value;
};

struct Kernel {
  std::string name;
  uint32_t registers = 0;
  uint32_t parameter_bytes = 0;
  uint32_t shared_bytes = 0;
  std::vector<Preset> presets;
  std::vector<Instruction> code;
  uint64_t blocks = 0;
  uint64_t warps = 0;
  uint64_t block_cycles = 0;  // of each block's slowest warp, summed
};

struct Size {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t{x} * y * z; }
};

struct Launch {
  const Kernel& kernel;
  Size grid;
  Size block;
  const char* parameters;
  uint32_t dynamic_shared_bytes;
};

struct Block {
  const Launch& launch;
  Size place;
  uint64_t number;  // of the grid's blocks
  SharedMemory shared;
  uint32_t barriers = 0;  // that all its threads have passed
  std::unordered_map<uint64_t, uint64_t>
      sectors;  // of global memory that it has touched, and when they came
};

// A warp's, used for one block after the other.
struct Registers {
  std::vector<uint64_t> value;  // [register][lane]
  std::vector<uint64_t> ready;  // [register] the cycle from which on it can be read
};

struct Trap : std::runtime_error {
  Trap() : std::runtime_error("a thread trapped") {}
};

struct Warp {
  Block& block;
  uint32_t number;
  std::vector<uint64_t>& value;
  std::vector<uint64_t>& ready;
  std::array<int32_t, kLanes> at = {};
  uint32_t live;                   // lanes that have not ended
  uint32_t waiting = 0;            // at the block's barrier
  uint32_t active = 0;             // lanes of the current instruction
  std::vector<uint32_t> barriers;  // the lanes of each barrier of this warp, in order
  int32_t line = 0;                // of the current instruction, for reports
  uint64_t clock = 0;              // when the last instruction was issued
  uint64_t arrival = 0;            // of what the current instruction loads

  Warp(Block& b, uint32_t n, Registers& registers);

  template <typename T>
  T get(int32_t operand, int lane) const {
    using Bits = Unsigned<T>;
    const int32_t number = operand < 0 ? -1 - operand : operand;
    const auto bits = static_cast<Bits>(value[static_cast<size_t>(number) * kLanes + lane]);
    if constexpr (std::is_same_v<T, bool>) {
      return (bits != 0) != (operand < 0);
    } else {
      return std::bit_cast<T>(bits);
    }
  }

  template <typename T>
  void put(int32_t operand, int lane, T v) {
    value[static_cast<size_t>(operand) * kLanes + lane] = std::bit_cast<Unsigned<T>>(v);
  }

  uint32_t thread(int lane) const { return number * kLanes + lane; }

  Access access(int lane) { return {block.number, thread(lane), block.barriers, barriers}; }

  // Runs until every lane has ended or waits at the block's barrier.
  void run();

 private:
  template <typename T>
  using Unsigned = std::conditional_t<
      sizeof(T) == 1, uint8_t,
      std::conditional_t<sizeof(T) == 2, uint16_t,
                         std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>>;

  void run_lanes(uint32_t lanes, int32_t place);
  uint32_t lanes_at(int32_t place) const;
  void issue(const Instruction& instruction);
  void finish(const Instruction& instruction);
};

// Runs every block of a launch, in order.
void run_launch(Kernel& kernel, const Launch& launch);

}  // namespace ptx
