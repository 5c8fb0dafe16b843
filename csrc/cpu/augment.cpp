// The CPU backend of the augmentation ops: samples in parallel, rows of a sample in vectors.

// Lets GCC vectorise the clips as min and max. No value here is NaN or infinite, and rounding stays
// as written. augment_emulated.cpp, compiled without, is tested to give the same bits.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("finite-math-only", "no-signed-zeros", "no-trapping-math")
#endif

#include "../augment.h"

#include <torch/csrc/stable/ops.h>

#include <cstring>

#include "augment/body.h"
#include "augment/canvas.h"
#include "augment/render.h"
#include "augment/sums.h"

namespace warpmix::cpu {
namespace {

using torch::stable::parallel_for;

// Elements a thread should have at least: below, waking it costs more than it does.
constexpr int64_t kGrainElements = 32768;

int64_t grain(const int64_t elements_per_image) {
  return max_of<int64_t>(1, kGrainElements / max_of<int64_t>(1, elements_per_image));
}

struct Render {
  const augment::AugmentParams& params;

  template <typename Source, typename Out, int>
  void run() const {
    render_batch<augment::Renderer<Source, Out>>();
  }

  template <typename Source, int>
  void run_general() const {
    render_batch<augment::CanvasRenderer<Source>>();
  }

  template <typename Renderer>
  void render_batch() const {
    const int64_t step = grain(params.out_image_stride);
    parallel_for(0, params.batch_size, step, [&](int64_t begin, int64_t end) {
      Renderer renderer(params);
      renderer.render(static_cast<int32_t>(begin), static_cast<int32_t>(end));
    });
  }
};

// ---- channel sums -------------------------------------------------------------------------------

// Bytes are summed by columns of short lines of whole vectors, one vector of columns after the
// other.
constexpr int32_t kLinePixels = 32;
// Lines whose bytes fit into 16 bits when they are summed.
constexpr int64_t kLinesOf16Bits = 257;

// Sets columns [length], a multiple of 32, to the sums over `lines` lines.
WARPMIX_SIMD_CLONES void sum_columns(const uint8_t* bytes, int64_t lines, int32_t length,
                                     uint16_t* columns) {
  for (int32_t x = 0; x < length; x += 2 * kShorts) {
    Shorts even = {};
    Shorts odd = {};
    for (int64_t i = 0; i < lines; ++i) {
      const Shorts pairs = load_shorts(bytes + i * length + x);
      even += pairs & 0xFF;  // of bytes 0, 2, …
      odd += pairs >> 8;
    }
    for (int32_t i = 0; i < kShorts; ++i) {
      columns[x + 2 * i] = even[i];
      columns[x + 2 * i + 1] = odd[i];
    }
  }
}

// Sums of `count` elements, among which `period` channels alternate, in steps of 2^-16.
void add_sums(const uint8_t* bytes, int64_t count, int32_t period, int64_t* sums) {
  uint16_t columns[kLinePixels * augment::kMaxChannels];
  const int32_t length = kLinePixels * period;
  while (count >= length) {
    const int64_t lines = min_of(count / length, kLinesOf16Bits);
    sum_columns(bytes, lines, length, columns);
    for (int32_t c = 0; c < period; ++c) {
      int32_t sum = 0;
      for (int32_t i = c; i < length; i += period) {
        sum += columns[i];
      }
      sums[c] += static_cast<int64_t>(sum) * static_cast<int64_t>(augment::kSumScale);
    }
    bytes += lines * length;
    count -= lines * length;
  }
  for (int64_t i = 0; i < count; ++i) {
    sums[i % period] += augment::fixed_point(bytes[i]);
  }
}

void add_sums(const float* values, int64_t count, int32_t period, int64_t* sums) {
  for (int64_t i = 0; i < count; i += period) {
    for (int32_t c = 0; c < period; ++c) {
      sums[c] += augment::fixed_point(values[i + c]);
    }
  }
}

template <typename Source>
void sum_images(const augment::SumsParams& params) {
  const int32_t channels = params.channels;
  const int64_t pixels = static_cast<int64_t>(params.height) * params.width;
  parallel_for(0, params.image_count, grain(params.image_stride), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const Source* image = static_cast<const Source*>(params.images) + n * params.image_stride;
      int64_t* sums = params.sums + n * channels;
      if (params.channel_stride == 1) {
        add_sums(image, pixels * channels, channels, sums);
        continue;
      }
      for (int32_t c = 0; c < channels; ++c) {
        add_sums(image + static_cast<int64_t>(c) * params.channel_stride, pixels, 1, sums + c);
      }
    }
  });
}

}  // namespace

void augment(WARPMIX_AUGMENT_ARGUMENTS) {
  const AugmentCall call = augment_call(WARPMIX_PASS_AUGMENT);
  augment::dispatch(call.source_is_float, call.params, Render{call.params});
}

void draw(WARPMIX_DRAW_ARGUMENTS) {
  const augment::AugmentParams params = draw_call(WARPMIX_PASS_DRAW);
  int32_t* out = static_cast<int32_t*>(draws.mutable_data_ptr());
  parallel_for(0, augment::draw_slots(params), 1024, [&](int64_t begin, int64_t end) {
    for (int64_t slot = begin; slot < end; ++slot) {
      augment::draw_slot(params, slot, out);
    }
  });
}

void channel_sums(const Tensor& images, Tensor sums) {
  const augment::SumsParams params = sums_call(images, sums);
  if (params.image_count == 0) {
    return;
  }
  std::memset(params.sums, 0, sizeof(int64_t) * params.image_count * params.channels);
  if (images.scalar_type() == ScalarType::Float) {
    sum_images<float>(params);
  } else {
    sum_images<uint8_t>(params);
  }
}

}  // namespace warpmix::cpu
