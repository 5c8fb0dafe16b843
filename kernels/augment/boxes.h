// Random boxes, each as its paper or torchvision draws it.
#pragma once

#include "streams.h"

namespace warpmix::augment {

struct Box {
  int32_t x0, y0, x1, y1;  // the ends are exclusive
};

HOST_DEVICE void put_box(StageDraw& draw, Box box) {
  draw.number[0] = static_cast<float>(box.x0);
  draw.number[1] = static_cast<float>(box.y0);
  draw.number[2] = static_cast<float>(box.x1);
  draw.number[3] = static_cast<float>(box.y1);
}

HOST_DEVICE Box box_of(const StageDraw& draw) {
  return {static_cast<int32_t>(draw.number[0]), static_cast<int32_t>(draw.number[1]),
          static_cast<int32_t>(draw.number[2]), static_cast<int32_t>(draw.number[3])};
}

// CutMix's box as torchvision draws it: half sides truncated, centre uniform, clipped.
HOST_DEVICE void draw_cut(const Stage& stage, Philox4 words, float lam, StageDraw& draw) {
  const int32_t width = stage.width;
  const int32_t height = stage.height;
  const float ratio = 0.5f * sqrtf(1.0f - lam);
  const int32_t half_width = static_cast<int32_t>(ratio * static_cast<float>(width));
  const int32_t half_height = static_cast<int32_t>(ratio * static_cast<float>(height));
  const int32_t x = uniform_below(words.word[0], width);
  const int32_t y = uniform_below(words.word[1], height);
  const Box box = {max_of(x - half_width, 0), max_of(y - half_height, 0),
                   min_of(x + half_width, width), min_of(y + half_height, height)};
  const int32_t cut = (box.x1 - box.x0) * (box.y1 - box.y0);
  put_box(draw, box);
  draw.number[4] = static_cast<float>(width * height - cut) / static_cast<float>(width * height);
}

constexpr uint32_t kBoxAttempts = 10;  // torchvision's

// A box of random area and log-uniform aspect at a random place, as torchvision draws that of
// RandomResizedCrop (aspect = width / height, may fill the image) and of RandomErasing (aspect =
// height / width, must not). False after ten boxes that do not fit.
HOST_DEVICE bool draw_fitting_box(const AugmentParams& params, const Stage& stage, int64_t id,
                                  StageDraw& draw) {
  const bool erases = stage.kind == Kind::kErasing;
  const float pixels = static_cast<float>(stage.width * stage.height);
  for (uint32_t attempt = 1; attempt <= kBoxAttempts; ++attempt) {
    const Philox4 words = random_words(params, id, stage.stream, attempt);
    const float area = uniform_between(words.word[0], stage.number[0], stage.number[1]) * pixels;
    const float aspect =
        fixed_exp(uniform_between(words.word[1], stage.number[2], stage.number[3]));
    const int32_t along = static_cast<int32_t>(rintf(sqrtf(area * aspect)));
    const int32_t across = static_cast<int32_t>(rintf(sqrtf(area / aspect)));
    const int32_t width = erases ? across : along;
    const int32_t height = erases ? along : across;
    const int32_t room = erases ? 1 : 0;  // that must be left
    if (width < 1 || height < 1 || width > stage.width - room || height > stage.height - room) {
      continue;
    }
    const int32_t x = uniform_below(words.word[2], stage.width - width + 1);
    const int32_t y = uniform_below(words.word[3], stage.height - height + 1);
    put_box(draw, {x, y, x + width, y + height});
    return true;
  }
  return false;
}

// torchvision's last resort: the largest central box whose aspect is within [number 6, number 7].
HOST_DEVICE Box central_box(const Stage& stage) {
  const float aspect = static_cast<float>(stage.width) / static_cast<float>(stage.height);
  int32_t width = stage.width;
  int32_t height = stage.height;
  if (aspect < stage.number[6]) {
    height = static_cast<int32_t>(rintf(static_cast<float>(width) / stage.number[6]));
  } else if (aspect > stage.number[7]) {
    width = static_cast<int32_t>(rintf(static_cast<float>(height) * stage.number[7]));
  }
  const int32_t x = (stage.width - width) / 2;
  const int32_t y = (stage.height - height) / 2;
  return {x, y, x + width, y + height};
}

// DeVries & Taylor (2017): the centre is uniform and the box may overhang; or it lies inside.
HOST_DEVICE Box draw_cutout(const Stage& stage, Philox4 words) {
  const int32_t size_x = static_cast<int32_t>(stage.number[0]);
  const int32_t size_y = static_cast<int32_t>(stage.number[1]);
  if (stage.mode == 0) {
    const int32_t x = uniform_below(words.word[1], stage.width - size_x + 1);
    const int32_t y = uniform_below(words.word[2], stage.height - size_y + 1);
    return {x, y, x + size_x, y + size_y};
  }
  const int32_t x = uniform_below(words.word[1], stage.width) - size_x / 2;
  const int32_t y = uniform_below(words.word[2], stage.height) - size_y / 2;
  return {max_of(x, 0), max_of(y, 0), min_of(x + size_x, stage.width),
          min_of(y + size_y, stage.height)};
}

}  // namespace warpmix::augment
