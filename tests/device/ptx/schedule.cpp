// The order in which ptxas issues a kernel's instructions, as its machine code shows it. PTX has
// each load next to its first use and finishes one value before it begins the next.
#include <algorithm>
#include <map>
#include <tuple>

#include "instructions.h"

namespace ptx {
namespace {

// Registers of loads whose values nothing has used yet: in the pixel loops of sm_90 mostly 12 bytes
// are loaded before the first is converted. With more of them ptxas runs out of registers.
constexpr int32_t kLoadedAhead = 12;

bool is_load(const Instruction& i) {
  return i.opcode.starts_with("ld") && !i.opcode.starts_with("ld.param");
}

// What accesses to memory do not pass.
bool is_fence(const Instruction& i) {
  static const char* const kBegins[] = {"st",    "atom", "red",   "membar", "fence",
                                        "cp.as", "shfl", "match", "vote",   "activemask"};
  return std::any_of(std::begin(kBegins), std::end(kBegins),
                     [&](const char* text) { return i.opcode.starts_with(text); });
}

struct Node {
  std::vector<int32_t> followers;  // which wait for it
  int32_t waits_for = 0;           // as many
  int64_t ready = 0;               // the cycle from which on it can be issued
  int64_t height = 0;              // cycles from it to the block's end
};

// Instructions without a way in or out between them.
class BasicBlock {
 public:
  BasicBlock(const Instruction* code, int32_t count) : code_(code), nodes_(count) {
    for (int32_t i = 0; i < count; ++i) {
      find_dependences(i);
    }
    for (int32_t i = count - 1; i >= 0; --i) {
      for (const int32_t j : nodes_[i].followers) {
        nodes_[i].height = std::max(nodes_[i].height, nodes_[j].height);
      }
      nodes_[i].height += latency(i);
    }
  }

  // The instructions' places in the order of issue: next is one whose operands are there, and of
  // those the one with the longest way to the end.
  std::vector<int32_t> order() {
    std::vector<int32_t> waiting, issued;
    for (int32_t i = 0; i < static_cast<int32_t>(nodes_.size()); ++i) {
      if (nodes_[i].waits_for == 0) {
        waiting.push_back(i);
      }
    }
    int64_t cycle = 0;
    const auto rank = [&](int32_t i) {
      const Node& node = nodes_[i];
      return std::tuple(is_held_back(i), std::max(node.ready, cycle), -node.height, i);
    };
    while (!waiting.empty()) {
      const auto next = std::min_element(waiting.begin(), waiting.end(),
                                         [&](int32_t a, int32_t b) { return rank(a) < rank(b); });
      const int32_t i = *next;
      waiting.erase(next);
      issued.push_back(i);
      cycle = std::max(cycle, nodes_[i].ready) + code_[i].timing.issue;
      note_loads(i);
      for (const int32_t j : nodes_[i].followers) {
        nodes_[j].ready = std::max(nodes_[j].ready, cycle + latency(i));
        if (--nodes_[j].waits_for == 0) {
          waiting.push_back(j);
        }
      }
    }
    return issued;
  }

 private:
  int64_t latency(int32_t i) const {
    return code_[i].timing.issue == 0 ? 0 : code_[i].timing.latency;
  }

  void put_after(int32_t earlier, int32_t later) {
    nodes_[earlier].followers.push_back(later);
    ++nodes_[later].waits_for;
  }

  // The registers that an instruction reads: where a guard is false, its results stay.
  std::vector<int32_t> read_by(const Instruction& i) const {
    const int first = i.guard == kNone ? std::min(i.timing.results, i.operands) : 0;
    std::vector<int32_t> found(i.operand + first, i.operand + i.operands);
    if (i.guard != kNone) {
      found.push_back(i.guard);
    }
    for (int32_t& operand : found) {
      operand = operand < 0 ? -1 - operand : operand;
    }
    return found;
  }

  void find_dependences(int32_t i) {
    const Instruction& instruction = code_[i];
    const std::vector<int32_t> read = read_by(instruction);
    for (const int32_t number : read) {
      if (const auto writer = writers_.find(number); writer != writers_.end()) {
        put_after(writer->second, i);
      }
    }
    for (int k = 0; k < std::min(instruction.timing.results, instruction.operands); ++k) {
      const int32_t number = instruction.operand[k];
      for (const int32_t reader : readers_[number]) {
        put_after(reader, i);
      }
      readers_[number].clear();
      if (const auto writer = writers_.find(number); writer != writers_.end()) {
        put_after(writer->second, i);
      }
      writers_[number] = i;
    }
    for (const int32_t number : read) {
      readers_[number].push_back(i);
    }
    if (is_load(instruction) || is_fence(instruction)) {
      if (fence_ >= 0) {
        put_after(fence_, i);
      }
      if (is_fence(instruction)) {
        for (const int32_t load : loads_) {
          put_after(load, i);
        }
        loads_.clear();
        fence_ = i;
      } else {
        loads_.push_back(i);
      }
    }
  }

  bool is_held_back(int32_t i) const {
    return is_load(code_[i]) && ahead_.size() + code_[i].timing.results > kLoadedAhead;
  }

  // Which registers are loaded and not used, after instruction i.
  void note_loads(int32_t i) {
    for (const int32_t number : read_by(code_[i])) {
      std::erase(ahead_, number);
    }
    if (is_load(code_[i])) {
      ahead_.insert(ahead_.end(), code_[i].operand, code_[i].operand + code_[i].timing.results);
    }
  }

  const Instruction* code_;
  std::vector<Node> nodes_;
  std::map<int32_t, int32_t> writers_;               // of a register, the last
  std::map<int32_t, std::vector<int32_t>> readers_;  // since then
  std::vector<int32_t> loads_;                       // since the last fence
  int32_t fence_ = -1;
  std::vector<int32_t> ahead_;
};

}  // namespace

std::vector<int32_t> schedule(const std::vector<Instruction>& code) {
  std::vector<bool> begins(code.size() + 1);
  for (size_t i = 0; i < code.size(); ++i) {
    const bool is_fixed = code[i].operation.flow != Flow::kNext;  // alone in its block
    begins[i] = begins[i] || is_fixed;
    begins[i + 1] = begins[i + 1] || is_fixed;
    if (code[i].target != kNone) {
      begins[code[i].target] = true;
    }
  }
  std::vector<int32_t> places;
  for (size_t first = 0, end = 0; first < code.size(); first = end) {
    do {
      ++end;
    } while (end < code.size() && !begins[end]);
    BasicBlock block(&code[first], static_cast<int32_t>(end - first));
    for (const int32_t place : block.order()) {
      places.push_back(static_cast<int32_t>(first) + place);
    }
  }
  return places;
}

}  // namespace ptx
