// When a warp that is alone would issue its instructions.
#include <algorithm>

#include "instructions.h"

namespace ptx {

// Cycles as measured on Hopper and Ampere by microbenchmarks (Luo et al., 2024, and others); a
// division or a root is a routine.
Timing timing_of(const std::string& opcode) {
  const auto begins = [&](const char* text) { return opcode.starts_with(text); };
  const auto has = [&](const char* text) { return opcode.find(text) != std::string::npos; };
  Timing timing;
  if (begins("mov") || begins("cvta") || begins("ld.param")) {
    timing = {1, 0, 0, 0};
  } else if (begins("ld.shared")) {
    timing = {1, 1, 29, 29};
  } else if (begins("ld")) {
    timing = {1, 1, 40, 600};
  } else if (begins("st") || begins("red") || begins("bra") || begins("cp.") ||
             begins("prefetch")) {
    timing = {0, 1, 0, 0};
  } else if (begins("bar")) {
    timing = {0, 1, 20, 20};
  } else if (begins("atom")) {
    timing = {1, 1, 600, 600};
  } else if (begins("shfl") || begins("redux") || begins("match")) {
    timing = {1, 1, 25, 25};
  } else if (begins("div") || begins("rem")) {
    timing = has("64") ? Timing{1, 1, 250, 250} : Timing{1, 1, 100, 100};
  } else if (begins("rcp") || begins("sqrt")) {
    timing = {1, 1, 60, 60};
  } else if (has("f64")) {
    timing = {1, 1, 16, 16};
  } else if (begins("cvt")) {
    timing = {1, 1, 14, 14};
  }
  for (const char* several : {".v2", ".unpack2", ".pair", ".v4", ".unpack4"}) {
    if (timing.results == 1 && has(several)) {
      timing.results = std::string(several).back() == '4' ? 4 : 2;
    }
  }
  return timing;
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
  uint64_t when = std::max<uint64_t>(clock + timing.latency, arrival);
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

}  // namespace ptx
