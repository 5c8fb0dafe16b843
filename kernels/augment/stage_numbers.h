// What each kind of stage is given, and what it draws for a sample.
#pragma once

#include "fields.h"

namespace warpmix::augment {

constexpr int kMaxChannels = 16;  // Sentinel-2 has 13; more would not fit the per-image constants

// …Stage: what a stage is given, the same for all samples. …Draw: what it draws for one. All are of
// 32 bits. A uniform number is drawn from [low, low + span).

// A shift of the image, in pixels; of a crop, of what its window shows.
struct ShiftStage {
  int32_t low_x, count_x;      // uniform among low, …, low + count - 1
  int32_t low_y, count_y;      // of images of mixed sizes: for one of no pixels, see shift_range
  int32_t center_x, center_y;  // of a crop to another size, for samples that it does not apply to
  int32_t out_width, out_height;
  Border border;
};
struct ShiftDraw {
  int32_t dx, dy;
};

struct FlipStage {
  int32_t alternates;  // 1: a sample is mirrored in every other epoch
};

struct AffineStage {
  float turns_low, turns_span;
  float max_x, max_y;  // largest translations, pixels
  float scale_low, scale_span;
  float shear_x_low, shear_x_span;  // turns
  float shear_y_low, shear_y_span;
  float direction;  // 1: clockwise, as torchvision's affine; -1: the other way, as its rotate
  Interpolation interpolation;
};
struct AffineDraw {
  float turns;
  int32_t dx, dy;
  float scale;
  float shear_x, shear_y;  // turns
};

struct ResizedCropStage {
  float area_low, area_span;            // share of the image's
  float log_ratio_low, log_ratio_span;  // of width / height
  float ratio_low, ratio_high;
  int32_t out_width, out_height;  // of a result of mixed sizes: see resized_extent
  Interpolation interpolation;    // of kResample
};

struct ContrastStage {
  float low, span;
  Pivot pivot;
};
struct FactorStage {  // brightness, saturation and gamma; hue in turns
  float low, span;
};
struct FactorDraw {
  float factor;
};
struct PosterizeStage {
  float step;  // between the values that are kept
};
struct SolarizeStage {
  float threshold;
};

struct NoiseStage {  // normal, in [0, 255]
  float mean, sigma;
};
struct NoiseDraw {
  uint32_t key_low, key_high;  // of the pixels' numbers
};

struct CropBlackoutStage {
  int32_t max_x, max_y;  // widest borders, pixels
};
struct CropBlackoutDraw {
  int32_t border_x, border_y;
};

struct ErasingStage {
  float area_low, area_span;            // share of the image's
  float log_ratio_low, log_ratio_span;  // of height / width
  int32_t is_random;                    // 1: each pixel its own values, not `value`
  float value[kMaxChannels];
};
struct ErasingDraw {
  Box box;
  uint32_t key_low, key_high;  // of the pixels' random values
};

struct CutoutStage {
  int32_t cut_width, cut_height;  // pixels
  int32_t overhang;               // 1 where the box may reach over the image's edge
  float value[kMaxChannels];
};

struct GridMaskStage {
  int32_t period_low, period_count;  // pixels
  float kept;                        // share of the period, along each axis
};
struct GridMaskDraw {
  int32_t offset_x, offset_y, period, square;  // the side of a black square, pixels
};

struct MixStage {
  float inverse_alpha;
};
struct CutMixDraw {
  Box box;    // the partner's pixels
  float lam;  // own share
};
struct MixUpDraw {
  float lam;
};

struct SharpnessStage {
  float factor;  // 0: smooth, 1: as it is
};

struct PerspectiveStage {
  int32_t reach_x, reach_y;  // of a corner, pixels
  Interpolation interpolation;
};
struct PerspectiveDraw {
  Point top_left, top_right, bottom_right, bottom_left;  // where the image's corners come to lie
};

constexpr int32_t kMaxBlurRadius = 127;  // pixels
struct BlurStage {
  float sigma_low, sigma_span;  // pixels
  int32_t radius_x, radius_y;   // of the window, pixels; below the image's size
};
struct BlurDraw {
  float sigma;
};

}  // namespace warpmix::augment
