// The kernel of channel sums, as a host-device function of the launch coordinates: one pass over
// the images, 16 bytes at a time, whatever the number of channels.
//
// An image is a run of elements among which its channels alternate; a planar one is a run a
// channel. A warp takes a share of one run. Lane by lane it reads vectors of 16 bytes, with as many
// lanes as are a multiple of the channels, so that the same place in a lane's vectors is always of
// the same channel: it sums by place, and by channel in the end.
#pragma once

#include "../fixed_point.h"
#include "../source_image.h"
#include "words.h"

namespace warpmix::augment {

constexpr int kSumWarps = 4;  // of a block, each for itself
constexpr int kSumThreads = 32 * kSumWarps;
constexpr int kSumVectors = 480;  // of a warp's share: 16 for each of 30 lanes

// Adds `unit` times the values of all threads of a warp, which must all be here.
template <typename Value>
HOST_DEVICE void add_to(int64_t* sum, Value value, int64_t unit = 1) {
#if defined(__CUDA_ARCH__)
  for (int distance = 16; distance > 0; distance /= 2) {
    value += __shfl_down_sync(0xFFFFFFFFu, value, distance);
  }
  if (threadIdx.x % 32 == 0) {  // two's complement: unsigned addition is signed addition
    atomicAdd(reinterpret_cast<unsigned long long*>(sum),
              static_cast<unsigned long long>(value * unit));
  }
#else
  *sum += value * unit;
#endif
}

// ---- sums of the places in a lane's vectors -----------------------------------------------------

template <typename Source>
struct PlaceSums;

// Bytes are summed two at a time in the halves of a word.
template <>
struct PlaceSums<uint8_t> {
  static constexpr int kPlaces = 16;
  static constexpr int64_t kUnit = static_cast<int64_t>(kSumScale);
  static_assert(kSumVectors / (32 - kMaxChannels) <= 257);  // sums stay below 2^16
  uint32_t even[4] = {};
  uint32_t odd[4] = {};

  HOST_DEVICE void add(const Words<4>& words) {
    UNROLL
    for (int i = 0; i < 4; ++i) {
      even[i] += words.word[i] & 0x00FF00FFu;
      odd[i] += words.word[i] >> 8 & 0x00FF00FFu;
    }
  }

  HOST_DEVICE int32_t at(int place) const {
    const uint32_t halves = place % 2 == 0 ? even[place / 4] : odd[place / 4];
    return static_cast<int32_t>(place % 4 < 2 ? halves & 0xFFFFu : halves >> 16);
  }
};

template <>
struct PlaceSums<float> {
  static constexpr int kPlaces = 4;
  static constexpr int64_t kUnit = 1;
  int64_t sum[4] = {};

  HOST_DEVICE void add(const Words<4>& words) {
    UNROLL
    for (int i = 0; i < 4; ++i) {
      sum[i] += fixed_point(float_from_bits(words.word[i]));
    }
  }

  HOST_DEVICE int64_t at(int place) const { return sum[place]; }
};

// ---- runs and their shares ----------------------------------------------------------------------

HOST_DEVICE bool interleaved(const SumsParams& params) {
  return params.channel_stride == 1 || params.channels == 1;
}

HOST_DEVICE int64_t sum_runs(const SumsParams& params) {
  return interleaved(params) ? params.image_count : int64_t{params.image_count} * params.channels;
}

HOST_DEVICE int32_t run_channels(const SumsParams& params) {
  return interleaved(params) ? params.channels : 1;
}

struct SumRun {
  int64_t first;  // element of the images
  int32_t elements;
};

HOST_DEVICE SumRun sum_run(const SumsParams& params, int64_t run) {
  if (is_mixed(params)) {
    const SourceImage image = source_image(params, static_cast<int32_t>(run));
    return {image.first, pixels_of(image.extent) * params.channels};
  }
  const int32_t elements = params.height * params.width * run_channels(params);
  return {run * elements, elements};
}

// Warps of a run, each with as many of its vectors as it has shares: one, but where images have
// sizes of their own, of which the average alone is known. The first and the last vector of a run
// may be partly its neighbours'.
template <typename Source>
HOST_DEVICE int32_t run_warps(const SumsParams& params) {
  constexpr int kPlaces = PlaceSums<Source>::kPlaces;
  const int64_t elements =
      is_mixed(params) ? params.pixel_count / max_of(params.image_count, 1) * params.channels
                       : int64_t{params.height} * params.width * run_channels(params);
  return static_cast<int32_t>(
      ceil_div<int64_t>(elements + 2 * (kPlaces - 1), kPlaces * kSumVectors));
}

template <typename Source>
HOST_DEVICE int64_t sum_blocks(const SumsParams& params) {
  return ceil_div<int64_t>(sum_runs(params) * run_warps<Source>(params), kSumWarps);
}

// ---- the kernel ---------------------------------------------------------------------------------

// Elements [begin, end) of the vector at `base`, zeros round them.
template <typename Source>
HOST_DEVICE Words<4> part_of_vector(const Source* base, int32_t begin, int32_t end) {
  constexpr int kPlaces = PlaceSums<Source>::kPlaces;
  Words<4> words = {};
  UNROLL
  for (int i = 0; i < kPlaces; ++i) {
    if (i >= begin && i < end) {
      uint32_t bits;
      if constexpr (kPlaces == 4) {
        bits = bits_from_float(base[i]);
      } else {
        bits = static_cast<uint32_t>(base[i]) << 8 * (i % 4);
      }
      words.word[i * 4 / kPlaces] |= bits;
    }
  }
  return words;
}

// Adds vectors [begin, end) of a run, counted from the 16 bytes that it begins in, `before`
// elements earlier. kChannels: of a run, or 0 for any number.
template <typename Source, int kChannels>
HOST_DEVICE void sum_vectors(const Source* first, int32_t before, int32_t after, int32_t begin,
                             int32_t end, int32_t channels, int32_t lane, int64_t* totals) {
  using Sums = PlaceSums<Source>;
  constexpr int kPlaces = Sums::kPlaces;
  Sums sums;
  const int32_t lanes = 32 - 32 % channels;
  const int32_t own = lane < lanes ? begin + lane : end;
  for (int32_t vector = own; vector < end; vector += lanes) {
    const int32_t place = vector * kPlaces;
    const Source* base = first + (place - before);
    if (place >= before && place + kPlaces <= after) {
      sums.add(load_words(base));
    } else {
      sums.add(part_of_vector(base, before - place, after - place));
    }
  }

  // The places of each channel, which is that of place 0 and up.
  constexpr int kKinds = kChannels > 0 && kChannels < kPlaces ? kChannels : kPlaces;
  decltype(sums.at(0)) kind[kKinds] = {};
  UNROLL
  for (int i = 0; i < kPlaces; ++i) {
    kind[i % kKinds] += sums.at(i);
  }
  const int32_t channel = ((begin + lane) * kPlaces - before + 16 * channels) % channels;
  for (int32_t c = 0; c < channels; ++c) {
    decltype(sums.at(0)) total = 0;
    int32_t held = channel;
    UNROLL
    for (int i = 0; i < kKinds; ++i) {
      total += held == c ? kind[i] : 0;
      held = held + 1 == channels ? 0 : held + 1;
    }
    add_to(totals + c, total, Sums::kUnit);
  }
}

template <typename Source, int kChannels>
HOST_DEVICE void sum_body(const SumsParams& params, int64_t block, int32_t thread) {
  constexpr int kPlaces = PlaceSums<Source>::kPlaces;
  const int32_t warps = run_warps<Source>(params);
  const int64_t warp = block * kSumWarps + thread / 32;
  const int64_t number = warp / warps;
  if (number >= sum_runs(params)) {
    return;
  }
  const SumRun run = sum_run(params, number);
  const int32_t channels = kChannels > 0 ? kChannels : run_channels(params);
  const Source* first = static_cast<const Source*>(params.images) + run.first;
  const int32_t before =
      static_cast<int32_t>(reinterpret_cast<uintptr_t>(first) % 16 / sizeof(Source));
  const int32_t after = before + run.elements;
  const int32_t vectors = ceil_div(after, kPlaces);
  int32_t begin = static_cast<int32_t>(warp - number * warps) * kSumVectors;
  for (; begin < vectors; begin += warps * kSumVectors) {
    sum_vectors<Source, kChannels>(first, before, after, begin,
                                   min_of(begin + kSumVectors, vectors), channels, thread % 32,
                                   params.sums + number * channels);
  }
}

// Calls function.run<Source, kChannels>() with the types of one launch.
template <typename Function>
void dispatch_sums(const SumsParams& params, bool source_is_float, const Function& function) {
  const auto run = [&](auto source) {
    using Source = decltype(source);
    switch (run_channels(params)) {
      case 1:
        return function.template run<Source, 1>();
      case 3:
        return function.template run<Source, 3>();
      default:
        return function.template run<Source, 0>();
    }
  };
  source_is_float ? run(float{}) : run(uint8_t{});
}

}  // namespace warpmix::augment
