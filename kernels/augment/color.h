// Colour: what its stages draw, the arithmetic in float32 on [0, 255], and what a draw means.
#pragma once

#include "../simd.h"
#include "normal.h"
#include "random.h"

namespace warpmix::augment {

// ---- draws --------------------------------------------------------------------------------------

HOST_DEVICE void draw_color(const Stage& stage, Philox4 words, StageDraw& draw) {
  switch (stage.kind) {
    case Kind::kContrast:
      draw.color.factor = uniform_between(words.word[1], stage.contrast.low, stage.contrast.span);
      return;
    case Kind::kBrightness:
    case Kind::kSaturation:
    case Kind::kHue:
    case Kind::kGamma:
      draw.color.factor = uniform_between(words.word[1], stage.factor.low, stage.factor.span);
      return;
    case Kind::kNoise:
      draw.noise = {words.word[1], words.word[2]};
      return;
    case Kind::kPosterize:
    case Kind::kSolarize:
      return;
    default:
      unknown_kind();
  }
}

// ---- arithmetic ---------------------------------------------------------------------------------

// T: float, or on the CPU a vector of them.
template <typename T>
HOST_DEVICE T clipped(T value, float highest = 255.0f) {
  return at_most(at_least(value, 0.0f), highest);
}

template <typename T>
HOST_DEVICE T contrast(T value, T factor, T offset, float highest = 255.0f) {
  return clipped<T>(value * factor + offset, highest);
}

// ITU-R 601 luma as torchvision's rgb_to_grayscale has it.
HOST_DEVICE float luma(float red, float green, float blue) {
  return (0.2989f * red + 0.587f * green) + 0.114f * blue;
}

HOST_DEVICE void saturate(float& red, float& green, float& blue, float factor) {
  const float gray = luma(red, green, blue) * (1.0f - factor);
  red = clipped(red * factor + gray);
  green = clipped(green * factor + gray);
  blue = clipped(blue * factor + gray);
}

// x where that is not negative, else y; or, where none is, the smaller. As words, negative numbers
// are the largest.
HOST_DEVICE float least_word(float x, float y) {
  return float_from_bits(min_of(bits_from_float(x), bits_from_float(y)));
}

// HSV to RGB without branches: channel n is V - chroma · clamp(min(k, 4 - k), 0, 1) with
// k = (n + 6 H) mod 6 and n = 5, 3, 1 (the "alternative formula").
HOST_DEVICE float hue_channel(float sixths, float n, float largest, float chroma) {
  const float k = least_word(sixths + n, (sixths + n) - 6.0f);
  const float share = at_most(at_least(at_most(k, 4.0f - k), 0.0f), 1.0f);
  return at_least(largest - chroma * share, 0.0f);
}

// torchvision's adjust_hue: hue turned by `turns`, saturation and value kept.
HOST_DEVICE void turn_hue(float& red, float& green, float& blue, float turns) {
  const float largest = at_least(at_least(red, green), blue);
  const float smallest = at_most(at_most(red, green), blue);
  const float chroma = largest - smallest;
  const float inverse = 1.0f / (chroma == 0.0f ? 1.0f : chroma);
  const float from_red = (green - blue) * inverse;
  const float from_green = (blue - red) * inverse + 2.0f;
  const float from_blue = (red - green) * inverse + 4.0f;
  float sixths = largest == green ? from_green : from_blue;
  sixths = (largest == red ? from_red : sixths) + turns * 6.0f;
  sixths = least_word(sixths, sixths + 6.0f);
  sixths = least_word(sixths, sixths - 6.0f);
  red = hue_channel(sixths, 5.0f, largest, chroma);
  green = hue_channel(sixths, 3.0f, largest, chroma);
  blue = hue_channel(sixths, 1.0f, largest, chroma);
}

// Down to a multiple of a power of two. Values are not negative, so that the cast rounds down.
HOST_DEVICE float posterize(float value, float step) {
  return static_cast<float>(static_cast<int32_t>(value / step)) * step;
}

HOST_DEVICE float solarize(float value, float threshold) {
  return value >= threshold ? 255.0f - value : value;
}

// timm's SolarizeAdd: dark values become lighter.
HOST_DEVICE float solarize_add(float value, float addend) {
  return value < 128.0f ? at_most(value + addend, 255.0f) : value;
}

// (value / 255)^exponent on [0, 255]. Below 2^-100 of white a value's logarithm is that of 2^-100;
// black stays black.
HOST_DEVICE float power(float value, float exponent) {
  const float base = at_least(value * (1.0f / 255.0f), 0x1.0p-100f);
  const float raised = at_most(fixed_exp(fixed_log(base) * exponent) * 255.0f, 255.0f);
  return value == 0.0f ? 0.0f : raised;
}

// ---- from a draw to a step ----------------------------------------------------------------------

struct NoiseStep {
  float mean;
  uint32_t key_low, key_high;
};

// One applied colour stage. kContrast: v · factor + offset[c]; brightness is that with offset 0.
// kSaturation: factor. kHue: factor is the shift in turns. kPosterize: factor is the step.
// kSolarize: factor is the threshold. kGamma: factor is the exponent. kNoise: v + (n · factor +
// mean), n being normal by the key.
struct ColorStep {
  Kind kind;
  float factor;
  union {  // words beside the offsets would have the whole-pixel kernel spill (nvcc 13.0, sm_86)
    float offset[kMaxChannels];  // pivot - pivot * factor
    NoiseStep noise;
  };
};

HOST_DEVICE float mean_of(int64_t sum, int32_t pixels) {
  return static_cast<float>(static_cast<double>(sum) / (static_cast<double>(pixels) * kSumScale));
}

// `sums` [channels] of the image that the pivot is a mean of, and its number of pixels.
HOST_DEVICE float pivot_of(Pivot pivot, const int64_t* sums, int32_t channels, int32_t pixels,
                           int32_t channel) {
  if (pivot == Pivot::kCenter) {
    return 127.5f;
  }
  if (pivot == Pivot::kGrayMean && channels == 3) {
    return luma(mean_of(sums[0], pixels), mean_of(sums[1], pixels), mean_of(sums[2], pixels));
  }
  return mean_of(sums[channel], pixels);
}

// Steps are written where they stay: one that is returned would lie in local memory on a GPU, since
// its offsets are indexed at run time.
HOST_DEVICE void set_no_step(int32_t channels, ColorStep& step) {
  step.kind = Kind::kContrast;
  step.factor = 1.0f;
  for (int32_t c = 0; c < channels; ++c) {
    step.offset[c] = 0.0f;
  }
}

HOST_DEVICE void set_step(const Stage& stage, const StageDraw& draw, const int64_t* sums,
                          int32_t channels, int32_t pixels, ColorStep& step) {
  set_no_step(channels, step);
  step.factor = draw.color.factor;
  switch (stage.kind) {
    case Kind::kContrast:
      for (int32_t c = 0; c < channels; ++c) {
        const float pivot = pivot_of(stage.contrast.pivot, sums, channels, pixels, c);
        step.offset[c] = pivot - pivot * step.factor;
      }
      return;
    case Kind::kBrightness:
      return;
    case Kind::kSaturation:
    case Kind::kHue:
    case Kind::kGamma:
      step.kind = stage.kind;
      return;
    case Kind::kNoise:
      step.kind = stage.kind;
      step.factor = stage.noise.sigma;
      step.noise = {stage.noise.mean, draw.noise.key_low, draw.noise.key_high};
      return;
    case Kind::kPosterize:
      step.kind = stage.kind;
      step.factor = stage.posterize.step;
      return;
    case Kind::kSolarize:
      step.kind = stage.kind;
      step.factor = stage.solarize.threshold;
      return;
    default:
      unknown_kind();
  }
}

// ---- from a step to pixels ----------------------------------------------------------------------

struct ContrastChannel {
  float factor;
  float offset;

  HOST_DEVICE float operator()(float value) const { return contrast(value, factor, offset); }
};

struct Contrast {
  const ColorStep& step;

  HOST_DEVICE ContrastChannel of(int32_t channel) const {
    return {step.factor, step.offset[channel]};
  }
};

struct Saturate {
  float factor;

  HOST_DEVICE void operator()(float& red, float& green, float& blue) const {
    saturate(red, green, blue, factor);
  }
};

struct TurnHue {
  float turns;

  HOST_DEVICE void operator()(float& red, float& green, float& blue) const {
    turn_hue(red, green, blue, turns);
  }
};

struct Posterize {
  float step;

  HOST_DEVICE Posterize of(int32_t) const { return *this; }
  HOST_DEVICE float operator()(float value) const { return posterize(value, step); }
};

struct Solarize {
  float threshold;

  HOST_DEVICE Solarize of(int32_t) const { return *this; }
  HOST_DEVICE float operator()(float value) const { return solarize(value, threshold); }
};

struct Power {
  float exponent;

  HOST_DEVICE Power of(int32_t) const { return *this; }
  HOST_DEVICE float operator()(float value) const { return power(value, exponent); }
};

struct AddNoise {
  float sigma;
  float mean;

  HOST_DEVICE float operator()(float value, float normal) const {
    return clipped(value + (normal * sigma + mean));
  }
};

// Calls pixels.each_channel(change), where change.of(c)(value) is the new value of channel c, or
// pixels.each_pixel(change), where change(red, green, blue) sets them, or pixels.each_normal(key,
// change), where change(value, normal) is the new value of any channel and `normal` a number of its
// own by the key. So the kind is looked at once for many pixels.
template <typename Pixels>
HOST_DEVICE void apply_step(const ColorStep& step, const Pixels& pixels) {
  switch (step.kind) {
    case Kind::kContrast:
      return pixels.each_channel(Contrast{step});
    case Kind::kSaturation:
      return pixels.each_pixel(Saturate{step.factor});
    case Kind::kHue:
      return pixels.each_pixel(TurnHue{step.factor});
    case Kind::kPosterize:
      return pixels.each_channel(Posterize{step.factor});
    case Kind::kSolarize:
      return pixels.each_channel(Solarize{step.factor});
    case Kind::kGamma:
      return pixels.each_channel(Power{step.factor});
    case Kind::kNoise:
      return pixels.each_normal(step.noise.key_low | static_cast<uint64_t>(step.noise.key_high)
                                                         << 32,
                                AddNoise{step.factor, step.noise.mean});
    default:
      unknown_kind();
  }
}

}  // namespace warpmix::augment
