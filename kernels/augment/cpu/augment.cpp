// The CPU's runs: samples in parallel, rows of a sample in vectors.

// Lets GCC vectorise the clips as min and max. No value that is clipped or compared is NaN or
// infinite (values of any range are not, see Program::clips), and rounding stays as written.
// csrc/emulated/augment.cpp, compiled without, is tested to give the same bits.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("finite-math-only", "no-signed-zeros", "no-trapping-math")
#endif

#include "../dispatch.h"
#include "channel_sums.h"
#include "moved_renderer.h"
#include "run.h"
#include "whole_image_renderer.h"
#include "whole_pixel_renderer.h"

namespace warpmix::augment {
namespace {

// Elements a thread should have at least: below, waking it costs more than it does.
constexpr int64_t kGrainElements = 32768;

int64_t grain(int64_t elements_per_image) {
  return max_of<int64_t>(1, kGrainElements / max_of<int64_t>(1, elements_per_image));
}

struct BatchRun {
  const AugmentParams& params;
  OutType source_type;
  ParallelFor parallel_for;

  template <typename Source, typename Out, int>
  void run() const {
    render_batch<WholePixelRenderer<Source, Out>>();
  }

  template <typename Source, int>
  void run_general() const {
    if constexpr (sizeof(Source) > 1) {
      if (params.out_type == source_type && only_moves(params)) {
        return render_batch<MovedRenderer<Source>>();
      }
    }
    render_batch<GeneralRenderer<Source>>();
  }

  template <typename Source, int>
  void run_whole_image() const {
    with_out_type(params.out_type, [&](auto element) {
      render_batch<WholeImageRenderer<Source, decltype(element)>>();
    });
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

}  // namespace

void run_augment(const AugmentParams& params, OutType source_type, ParallelFor parallel_for) {
  dispatch(source_type, params, BatchRun{params, source_type, parallel_for});
}

void run_draw(const AugmentParams& params, int32_t* draws, ParallelFor parallel_for) {
  parallel_for(0, draw_slots(params), 1024, [&](int64_t begin, int64_t end) {
    for (int64_t slot = begin; slot < end; ++slot) {
      draw_slot(params, slot, draws);
    }
  });
}

void run_channel_sums(const SumsParams& params, bool source_is_float, ParallelFor parallel_for) {
  const auto sum = source_is_float ? sum_images<float> : sum_images<uint8_t>;
  const int64_t elements =
      is_mixed(params) ? params.pixel_count * params.channels / max_of(1, params.image_count)
                       : params.image_stride;
  parallel_for(0, params.image_count, grain(elements),
               [&](int64_t begin, int64_t end) { sum(params, begin, end); });
}

}  // namespace warpmix::augment
