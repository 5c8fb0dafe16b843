// Which templates a launch is made with: the one list of the kernels that exist.
#pragma once

#include "params.h"

namespace warpmix::augment {

// Calls function.run<Source, Out, kChannels>() with the types of a launch of a simple program.
// Float sources are intermediates of a list of several launches, and rare.
template <typename Out, typename Function>
void dispatch_simple(bool source_is_float, int32_t channels, const Function& function) {
  if (source_is_float) {
    function.template run<float, Out, 0>();
  } else if (channels == 3) {
    function.template run<uint8_t, Out, 3>();
  } else if (channels == 1) {
    function.template run<uint8_t, Out, 1>();
  } else {
    function.template run<uint8_t, Out, 0>();
  }
}

// Likewise of any other program, function.run_general<Source, kChannels>().
template <typename Function>
void dispatch_general(bool source_is_float, int32_t channels, const Function& function) {
  if (source_is_float) {
    channels == 3 ? function.template run_general<float, 3>()
                  : function.template run_general<float, 0>();
  } else {
    channels == 3 ? function.template run_general<uint8_t, 3>()
                  : function.template run_general<uint8_t, 0>();
  }
}

template <typename Function>
void dispatch(bool source_is_float, const AugmentParams& params, const Function& function) {
  if (!params.program.is_simple) {
    return dispatch_general(source_is_float, params.channels, function);
  }
  with_out_type(params.out_type, [&](auto element) {
    dispatch_simple<decltype(element)>(source_is_float, params.channels, function);
  });
}

}  // namespace warpmix::augment
