// Instructions of lanes that know nothing of each other, as functions of their operands.
#pragma once

#include <tuple>

#include "instructions.h"

namespace ptx {

using Run = void (*)(Warp&, const Instruction&);

// Operand 0 becomes function(operands 1, 2, …), for each active lane.
template <typename Result, typename... Operands, typename Function>
Run each(Function) {
  return [](Warp& warp, const Instruction& i) {
    for (int lane = 0; lane < kLanes; ++lane) {
      if (warp.active >> lane & 1u) {
        int place = 1;
        const std::tuple<Operands...> operands{warp.get<Operands>(i.operand[place++], lane)...};
        warp.put<Result>(i.operand[0], lane, static_cast<Result>(std::apply(Function{}, operands)));
      }
    }
  };
}

template <typename T>
struct Named {
  const char* suffix;
};

template <typename Function>
void for_integers(const Function& function) {
  function(Named<uint16_t>{"u16"}), function(Named<int16_t>{"s16"});
  function(Named<uint32_t>{"u32"}), function(Named<int32_t>{"s32"});
  function(Named<uint64_t>{"u64"}), function(Named<int64_t>{"s64"});
}

template <typename Function>
void for_floats(const Function& function) {
  function(Named<float>{"f32"}), function(Named<double>{"f64"});
}

template <typename Function>
void for_bits(const Function& function) {
  function(Named<bool>{"pred"}), function(Named<uint8_t>{"b8"}), function(Named<uint16_t>{"b16"});
  function(Named<uint32_t>{"b32"}), function(Named<uint64_t>{"b64"});
}

}  // namespace ptx
