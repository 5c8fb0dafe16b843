#include "instructions.h"

namespace ptx {
namespace {

// A register's parts, the lowest first, and back.
template <typename Whole, typename Part, int kParts>
void pack(Warp& warp, const Instruction& i) {
  for (int lane = 0; lane < kLanes; ++lane) {
    if (warp.active >> lane & 1u) {
      uint64_t whole = 0;
      for (int part = 0; part < kParts; ++part) {
        whole |= uint64_t{warp.get<Part>(i.operand[1 + part], lane)} << 8 * sizeof(Part) * part;
      }
      warp.put<Whole>(i.operand[0], lane, static_cast<Whole>(whole));
    }
  }
}

template <typename Whole, typename Part, int kParts>
void unpack(Warp& warp, const Instruction& i) {
  for (int lane = 0; lane < kLanes; ++lane) {
    if (warp.active >> lane & 1u) {
      const uint64_t whole = warp.get<Whole>(i.operand[kParts], lane);
      for (int part = 0; part < kParts; ++part) {
        warp.put<Part>(i.operand[part], lane, static_cast<Part>(whole >> 8 * sizeof(Part) * part));
      }
    }
  }
}

void add_packing(Table& table) {
  table["mov.b32.pack2"] = {pack<uint32_t, uint16_t, 2>};
  table["mov.b64.pack2"] = {pack<uint64_t, uint32_t, 2>};
  table["mov.b64.pack4"] = {pack<uint64_t, uint16_t, 4>};
  table["mov.b32.pack4"] = {pack<uint32_t, uint8_t, 4>};
  table["mov.b32.unpack2"] = {unpack<uint32_t, uint16_t, 2>};
  table["mov.b64.unpack2"] = {unpack<uint64_t, uint32_t, 2>};
  table["mov.b64.unpack4"] = {unpack<uint64_t, uint16_t, 4>};
  table["mov.b32.unpack4"] = {unpack<uint32_t, uint8_t, 4>};
}

Table all_operations() {
  Table table;
  add_integers(table);
  add_floats(table);
  add_comparisons(table);
  add_packing(table);
  add_accesses(table);
  add_collectives(table);
  table["bra"] = table["bra.uni"] = {nullptr, Flow::kBranch};
  table["ret"] = table["exit"] = {nullptr, Flow::kExit};
  table["trap"] = {nullptr, Flow::kTrap};
  return table;
}

}  // namespace

const Operation& operation_of(const std::string& opcode) {
  static const Table table = all_operations();
  const auto found = table.find(without_hints(opcode));
  if (found == table.end()) {
    throw std::runtime_error("unknown PTX instruction " + opcode);
  }
  return found->second;
}

}  // namespace ptx
