// The CPU backend of the augmentation ops: samples in parallel, rows of a sample in vectors.

// Lets GCC vectorise the clips as min and max. No value here is NaN or infinite, and rounding stays
// as written. augment_emulated.cpp, compiled without, is tested to give the same bits.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("finite-math-only", "no-signed-zeros", "no-trapping-math")
#endif

#include "../augment.h"

#include <torch/csrc/stable/ops.h>

#include <cstring>
#include <vector>

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
      for (int64_t position = begin; position < end; ++position) {
        renderer.render(static_cast<int32_t>(position));
      }
    });
  }
};

// ---- channel sums -------------------------------------------------------------------------------

// Lines whose bytes fit into 16 bits when they are summed.
constexpr int32_t kLinesOf16Bits = 257;

WARPMIX_SIMD_CLONES void add_line(const uint8_t* __restrict line, uint16_t* __restrict sums,
                                  int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    sums[i] = static_cast<uint16_t>(sums[i] + line[i]);
  }
}

// Columns' sums first (vectors), then their sum: `period` channels alternate along the line.
void sum_lines(const uint8_t* line, int32_t lines, int32_t length, int32_t period, int64_t* sums,
               std::vector<uint16_t>& columns) {
  for (int32_t first = 0; first < lines; first += kLinesOf16Bits) {
    const int32_t end = min_of(lines, first + kLinesOf16Bits);
    columns.assign(length, 0);
    for (int32_t i = first; i < end; ++i) {
      add_line(line + static_cast<int64_t>(i) * length, columns.data(), length);
    }
    for (int32_t i = 0; i < length; i += period) {
      for (int32_t c = 0; c < period; ++c) {
        sums[c] += static_cast<int64_t>(columns[i + c]) * static_cast<int64_t>(augment::kSumScale);
      }
    }
  }
}

void sum_lines(const float* line, int32_t lines, int32_t length, int32_t period, int64_t* sums,
               std::vector<uint16_t>&) {
  for (int64_t i = 0; i < static_cast<int64_t>(lines) * length; ++i) {
    sums[i % period] += augment::fixed_point(line[i]);
  }
}

template <typename Source>
void sum_images(const augment::SumsParams& params) {
  const int32_t channels = params.channels;
  parallel_for(0, params.image_count, grain(params.image_stride), [&](int64_t begin, int64_t end) {
    std::vector<uint16_t> columns;
    for (int64_t n = begin; n < end; ++n) {
      const Source* image = static_cast<const Source*>(params.images) + n * params.image_stride;
      int64_t* sums = params.sums + n * channels;
      if (params.channel_stride == 1) {
        sum_lines(image, params.height, params.width * channels, channels, sums, columns);
        continue;
      }
      for (int32_t c = 0; c < channels; ++c) {
        sum_lines(image + static_cast<int64_t>(c) * params.channel_stride, params.height,
                  params.width, 1, sums + c, columns);
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
