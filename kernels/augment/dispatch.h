// Which templates a launch is made with: the one list of the kernels that exist.
#pragma once

#include <type_traits>

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

// Likewise of any other program, function(Source(), kChannels) with a std::integral_constant.
template <typename Function>
void with_source(OutType type, int32_t channels, const Function& function) {
  const auto with_channels = [&](auto source) {
    channels == 3 ? function(source, std::integral_constant<int, 3>())
                  : function(source, std::integral_constant<int, 0>());
  };
  with_out_type(type, with_channels);
}

// The GPU's general kernels also differ in how a pixel's channels lie: calls
// function(is_interleaved) with a std::bool_constant, true where they are adjacent.
template <typename Source, int kChannels, typename Function>
void with_interleaving(const ImageSource& source, const Function& function) {
  if constexpr (std::is_same_v<Source, uint8_t> && kChannels == 3) {
    if (source.channel_stride == 1) {
      return function(std::true_type());
    }
  }
  function(std::false_type());
}

template <typename Function>
void dispatch(OutType source_type, const AugmentParams& params, const Function& function) {
  if (!params.program.is_simple) {
    return with_source(source_type, params.channels, [&](auto source, auto channels) {
      using Source = decltype(source);
      constexpr int kChannels = decltype(channels)::value;
      if constexpr (!kOnlyMoves<Source>) {
        if (params.program.is_whole_image) {
          return function.template run_whole_image<Source, kChannels>();
        }
      }
      function.template run_general<Source, kChannels>();
    });
  }
  const bool source_is_float = source_type == OutType::kFloat32;
  with_out_type(params.out_type, [&](auto element) {
    dispatch_simple<decltype(element)>(source_is_float, params.channels, function);
  });
}

}  // namespace warpmix::augment
