// Boxes of random area and aspect, as torchvision draws those of RandomResizedCrop and
// RandomErasing.
#pragma once

#include "../fixed_math.h"
#include "random.h"

namespace warpmix::augment {

HOST_DEVICE Box intersection(Box a, Box b) {
  return {max_of(a.x0, b.x0), max_of(a.y0, b.y0), min_of(a.x1, b.x1), min_of(a.y1, b.y1)};
}

constexpr uint32_t kBoxAttempts = 10;  // torchvision's

// What a box is drawn from; the aspect's logarithm is uniform.
struct BoxRanges {
  float area_low, area_span;  // share of the image's
  float log_ratio_low, log_ratio_span;
  bool is_tall;  // the aspect is height / width, not width / height
  int32_t room;  // pixels of each axis that the box must leave
};

// A box at a random place in an image of `extent`; false after ten that do not fit.
HOST_DEVICE bool draw_fitting_box(const AugmentParams& params, const Stage& stage, Extent extent,
                                  int64_t id, BoxRanges ranges, Box& box) {
  const float pixels = static_cast<float>(extent.width * extent.height);
  for (uint32_t attempt = 1; attempt <= kBoxAttempts; ++attempt) {
    const Philox4 words = random_words(params, id, stage.stream, attempt);
    const float area = uniform_between(words.word[0], ranges.area_low, ranges.area_span) * pixels;
    const float aspect =
        fixed_exp(uniform_between(words.word[1], ranges.log_ratio_low, ranges.log_ratio_span));
    const int32_t along = static_cast<int32_t>(rintf(sqrtf(area * aspect)));
    const int32_t across = static_cast<int32_t>(rintf(sqrtf(area / aspect)));
    const int32_t width = ranges.is_tall ? across : along;
    const int32_t height = ranges.is_tall ? along : across;
    if (width < 1 || height < 1 || width > extent.width - ranges.room ||
        height > extent.height - ranges.room) {
      continue;
    }
    const int32_t x = uniform_below(words.word[2], extent.width - width + 1);
    const int32_t y = uniform_below(words.word[3], extent.height - height + 1);
    box = {x, y, x + width, y + height};
    return true;
  }
  return false;
}

}  // namespace warpmix::augment
