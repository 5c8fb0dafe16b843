// The guards of images of sizes of their own.
#include "augment/geometry.h"
#include "guards.h"
#include "numbers.h"

namespace warpmix {

using augment::AugmentParams;
using augment::Extent;
using augment::Kind;

namespace {

// Checks a crop's shifts along one axis of an image of sizes of their own.
void require_reach(const Numbers& numbers, const char* name, Border border, int32_t low,
                   int32_t count, int32_t size, int32_t out) {
  const Reach reach = reach_of(border, size, out);
  const augment::ShiftRange range = augment::shift_range(low, count, size);
  numbers.require(name, range.low, reach.low, reach.high);
  numbers.require(name, int64_t{range.low} + range.count - 1, reach.low, reach.high);
  numbers.require(name, augment::central_shift(size, out), reach.low, reach.high);
}

bool is_side(int32_t pixels) { return pixels >= 1 && pixels <= augment::kMaxSide; }

}  // namespace

void require_images(const char* op, const augment::ImageSource& source) {
  for (int64_t row = 0; row < source.image_count; ++row) {
    const int64_t height = source.sizes[2 * row];
    const int64_t width = source.sizes[2 * row + 1];
    const int64_t first = source.offsets[row];
    WARPMIX_CHECK(op, height >= 1 && width >= 1 && height * width <= augment::kMaxPixels,
                  "sizes must be of images of 1 to ", augment::kMaxPixels, " pixels, got ", height,
                  " x ", width, " of image ", row);
    WARPMIX_CHECK(op, first >= 0 && first <= source.pixel_count - height * width,
                  "offsets must be of images within ", source.pixel_count, " pixels, got ", first,
                  " of image ", row, " of ", height, " x ", width);
  }
}

Stage of_image(const char* op, const AugmentParams& params, int32_t index, int64_t row) {
  const augment::Program& program = params.program;
  Stage own = program.stages[index];
  if (own.width > 0) {
    return own;
  }
  Extent extent = {params.sizes[2 * row + 1], params.sizes[2 * row]};
  for (int32_t i = 0; i < index; ++i) {
    if (program.stages[i].kind == Kind::kResample) {
      extent = augment::resized_extent(program.stages[i].resized_crop, extent);
      WARPMIX_CHECK(op, is_side(extent.width) && is_side(extent.height),
                    "program must leave sides of 1 to ", augment::kMaxSide, " pixels of image ",
                    row, ", got ", extent.height, " x ", extent.width);
    }
  }
  own.width = extent.width;
  own.height = extent.height;
  return own;
}

void require_crops(const char* op, const AugmentParams& params) {
  const augment::Program& program = params.program;
  for (int32_t i = 0; i < program.count && program.stages[i].width == 0; ++i) {
    const Stage& stage = program.stages[i];
    const augment::ShiftStage& crop = stage.shift;
    for (int64_t row = 0; stage.kind == Kind::kShift && row < params.image_count; ++row) {
      const Stage own = of_image(op, params, i, row);
      const Numbers numbers(op, "program", own);
      require_reach(numbers, "shift across", crop.border, crop.low_x, crop.count_x, own.width,
                    crop.out_width);
      require_reach(numbers, "shift down", crop.border, crop.low_y, crop.count_y, own.height,
                    crop.out_height);
    }
  }
}

}  // namespace warpmix
