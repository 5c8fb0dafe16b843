// Registration of an operator as two functions: its checks, which know the schema's arguments, and
// its run, which takes what they return.
#pragma once

#include <torch/csrc/stable/library.h>

namespace warpmix {

template <auto Check, auto Run, typename Signature = decltype(Check)>
struct Operator;

template <auto Check, auto Run, typename Call, typename... Arguments>
struct Operator<Check, Run, Call (*)(Arguments...)> {
  static void call(Arguments... arguments) { Run(Check(arguments...)); }
};

// The function that a library registers.
template <auto Check, auto Run>
constexpr auto boxed() {
  return TORCH_BOX((&Operator<Check, Run>::call));
}

}  // namespace warpmix
