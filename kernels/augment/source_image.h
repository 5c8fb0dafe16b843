// One image of a source: where it lies, and its size, whether all have one or each its own.
#pragma once

#include "params.h"

namespace warpmix::augment {

struct SourceImage {
  int64_t first;  // its first element
  int32_t row_stride;
  Extent extent;
};

HOST_DEVICE bool is_mixed(const ImageSource& source) { return source.sizes != nullptr; }

// Image `row` of a source whose images have sizes of their own. Stops the GPU at one that is not
// wholly in the source's memory.
HOST_DEVICE SourceImage mixed_image(const ImageSource& source, int32_t row) {
  const int32_t height = source.sizes[2 * static_cast<int64_t>(row)];
  const int32_t width = source.sizes[2 * static_cast<int64_t>(row) + 1];
  const int64_t first = source.offsets[row];
  require_below(height - 1, kMaxPixels);
  require_below(width - 1, kMaxPixels);
  const int64_t pixels = static_cast<int64_t>(height) * width;
  require_below(pixels - 1, kMaxPixels);
  require_below(first, source.pixel_count);
  require_below(pixels - 1, source.pixel_count - first);
  return {first * source.channels, width * source.channels, {width, height}};
}

HOST_DEVICE SourceImage source_image(const ImageSource& source, int32_t row) {
  if (is_mixed(source)) {
    return mixed_image(source, row);
  }
  return {row * source.image_stride, source.row_stride, {source.width, source.height}};
}

HOST_DEVICE int32_t pixels_of(Extent extent) { return extent.width * extent.height; }

}  // namespace warpmix::augment
