// Stages: the kinds that there are, what each is given and what it draws for a sample
// (stage_numbers.h), and what it needs. This is the one list of them: csrc/program.cpp reads a
// program's words by it, and Python reads it from the compiled module (augment/stages.py).
#pragma once

#include <stdexcept>

#include "stage_numbers.h"

namespace warpmix::augment {

// Where two transforms' arithmetic is the same, they are one kind: a rotation is kAffine, and a
// resize is kResizedCrop with p = 0, which takes the whole image. kResample is a resized crop, or a
// resize, with antialiasing.
enum class Kind : int32_t {
  kShift,
  kHorizontalFlip,
  kVerticalFlip,
  kAffine,
  kResizedCrop,
  kResample,
  kContrast,
  kBrightness,
  kSaturation,
  kHue,
  kPosterize,
  kSolarize,
  kGamma,
  kNoise,
  kCropBlackout,
  kErasing,
  kCutout,
  kGridMask,
  kCutMix,
  kMixUp,
  kPolicy,
  kAutocontrast,
  kEqualize,
  kSharpness,
  kGaussianBlur,
  kPerspective,
  kAugMix,
  kTimmPolicy,
};

// ---- a stage and a draw -------------------------------------------------------------------------

constexpr int kNumberWords = 21;     // of a stage's own numbers; an erasing has most
constexpr int32_t kSourceMean = -1;  // Stage::mean: the mean of the launch's source image

// One transform of the list, with everything that does not depend on the sample.
struct Stage {
  Kind kind;
  Section section;        // of the kind
  int32_t stream;         // random stream: 1 + position in the user's list (0 is the pipeline's p)
  int32_t block;          // first block of its parameters; ColorJitter's stages share a stream
  float p;                // probability that the stage applies to a sample
  int32_t choice_stream;  // stream of the RandomChoice it is a child of, or -1
  float choice_low;       // the child is chosen when choice_low <= u < choice_high
  float choice_high;
  int32_t mean;    // of a colour stage: kSourceMean, or its slot of the means of entering images
  int32_t width;   // of the image that enters the stage; 0: each sample's has its own size
  int32_t height;  // likewise
  // The member that the kind names, see above. `word` comes first, so that {} clears them all.
  union {
    uint32_t word[kNumberWords];
    ShiftStage shift;
    FlipStage flip;
    AffineStage affine;
    ResizedCropStage resized_crop;
    ContrastStage contrast;
    FactorStage factor;
    PosterizeStage posterize;
    SolarizeStage solarize;
    NoiseStage noise;
    CropBlackoutStage crop_blackout;
    ErasingStage erasing;
    CutoutStage cutout;
    GridMaskStage grid_mask;
    PolicyStage policy;
    MixStage mix;
    SharpnessStage sharpness;
    BlurStage blur;
    PerspectiveStage perspective;
    AugMixStage augmix;
    TimmPolicyStage timm_policy;
  };
};
static_assert(sizeof(Stage) == (11 + kNumberWords) * sizeof(int32_t));

constexpr int kDrawWords = 8;  // of one StageDraw in `draws`

// What one stage does to one sample. Also the layout of the op's `draws` tensor.
struct StageDraw {
  int32_t on;  // 0 or 1
  union {
    int32_t partner;  // mixes: row of the images, or position in the batch (see from_batch)
    Interpolation interpolation;  // of a resample that draws it
  };
  union {
    int32_t word[kDrawWords - 2];
    ShiftDraw shift;
    AffineDraw affine;
    Box box;                // resized crop, resample, cutout
    EnteringDraw entering;  // of a stage whose images have sizes of their own, beside its draw
    ErasingDraw erasing;
    FactorDraw color;
    NoiseDraw noise;
    CropBlackoutDraw crop_blackout;
    GridMaskDraw grid_mask;
    PolicyDraw policy;
    CutMixDraw cutmix;
    MixUpDraw mixup;
    BlurDraw blur;
    PerspectiveDraw perspective;
    AugMixDraw augmix;
  };
};
static_assert(sizeof(StageDraw) == kDrawWords * sizeof(int32_t), "draws tensor layout");

// ---- the table ----------------------------------------------------------------------------------

struct KindInfo {
  Kind kind;
  const char* name;
  Section section;
  int32_t traits;
  Fields stage;
  Fields draw;
};

namespace trait {
constexpr int32_t kWarps = 1;           // samples between pixels
constexpr int32_t kPermutes = 2;        // the result has the image's own pixels in another order
constexpr int32_t kSimple = 4;          // may be in a simple program (see Program)
constexpr int32_t kNeedsRgb = 8;        // images of 3 channels
constexpr int32_t kHasPivot = 16;       // may need a mean of the image that enters it
constexpr int32_t kHasStatistics = 32;  // may need others, see whole_image.h
constexpr int32_t kHasPasses = 64;      // rows first, then columns, with an image between
constexpr int32_t kResamples = 128;     // sums pixels under a filter: a map of its own (resample.h)
constexpr int32_t kChains = 256;        // its stages are chains, which a launch mixes
}  // namespace trait

// clang-format off
#define F(type, name) WARPMIX_FIELD(type, name)
#define BOX F(Box, x0), F(Box, y0), F(Box, x1), F(Box, y1)
constexpr KindInfo kKinds[] = {
    // Kind, name, section, traits, {fields of the stage}, {fields of the draw}
    {Kind::kShift, "shift", Section::kGeometry, trait::kSimple,
     {F(ShiftStage, low_x), F(ShiftStage, count_x), F(ShiftStage, low_y), F(ShiftStage, count_y),
      F(ShiftStage, center_x), F(ShiftStage, center_y), F(ShiftStage, out_width),
      F(ShiftStage, out_height), F(ShiftStage, border)},
     {F(ShiftDraw, dx), F(ShiftDraw, dy)}},
    {Kind::kHorizontalFlip, "hflip", Section::kGeometry, trait::kSimple | trait::kPermutes,
     {F(FlipStage, alternates)}, {}},
    {Kind::kVerticalFlip, "vflip", Section::kGeometry, trait::kSimple | trait::kPermutes, {}, {}},
    {Kind::kAffine, "affine", Section::kGeometry, trait::kWarps,
     {F(AffineStage, turns_low), F(AffineStage, turns_span), F(AffineStage, max_x),
      F(AffineStage, max_y), F(AffineStage, scale_low), F(AffineStage, scale_span),
      F(AffineStage, shear_x_low), F(AffineStage, shear_x_span), F(AffineStage, shear_y_low),
      F(AffineStage, shear_y_span), F(AffineStage, direction),
      F(AffineStage, interpolation)},
     {F(AffineDraw, turns), F(AffineDraw, dx), F(AffineDraw, dy), F(AffineDraw, scale),
      F(AffineDraw, shear_x), F(AffineDraw, shear_y)}},
    {Kind::kResizedCrop, "resized_crop", Section::kGeometry, trait::kWarps,
     {F(ResizedCropStage, area_low), F(ResizedCropStage, area_span),
      F(ResizedCropStage, log_ratio_low), F(ResizedCropStage, log_ratio_span),
      F(ResizedCropStage, ratio_low), F(ResizedCropStage, ratio_high),
      F(ResizedCropStage, out_width), F(ResizedCropStage, out_height)},
     {BOX}},
    {Kind::kResample, "resample", Section::kGeometry, trait::kResamples,
     {F(ResizedCropStage, area_low), F(ResizedCropStage, area_span),
      F(ResizedCropStage, log_ratio_low), F(ResizedCropStage, log_ratio_span),
      F(ResizedCropStage, ratio_low), F(ResizedCropStage, ratio_high),
      F(ResizedCropStage, out_width), F(ResizedCropStage, out_height),
      F(ResizedCropStage, interpolation)},
     {BOX}},
    {Kind::kContrast, "contrast", Section::kColor, trait::kSimple | trait::kHasPivot,
     {F(ContrastStage, low), F(ContrastStage, span), F(ContrastStage, pivot)},
     {F(FactorDraw, factor)}},
    {Kind::kBrightness, "brightness", Section::kColor, trait::kSimple,
     {F(FactorStage, low), F(FactorStage, span)}, {F(FactorDraw, factor)}},
    {Kind::kSaturation, "saturation", Section::kColor, trait::kNeedsRgb,
     {F(FactorStage, low), F(FactorStage, span)}, {F(FactorDraw, factor)}},
    {Kind::kHue, "hue", Section::kColor, trait::kNeedsRgb,
     {F(FactorStage, low), F(FactorStage, span)}, {F(FactorDraw, factor)}},
    {Kind::kPosterize, "posterize", Section::kColor, 0, {F(PosterizeStage, step)}, {}},
    {Kind::kSolarize, "solarize", Section::kColor, 0, {F(SolarizeStage, threshold)}, {}},
    {Kind::kGamma, "gamma", Section::kColor, 0,
     {F(FactorStage, low), F(FactorStage, span)}, {F(FactorDraw, factor)}},
    {Kind::kNoise, "noise", Section::kColor, 0,
     {F(NoiseStage, mean), F(NoiseStage, sigma)},
     {F(NoiseDraw, key_low), F(NoiseDraw, key_high)}},
    {Kind::kCropBlackout, "crop_blackout", Section::kOcclusion, trait::kSimple,
     {F(CropBlackoutStage, max_x), F(CropBlackoutStage, max_y)},
     {F(CropBlackoutDraw, border_x), F(CropBlackoutDraw, border_y)}},
    {Kind::kErasing, "erasing", Section::kOcclusion, 0,
     {F(ErasingStage, area_low), F(ErasingStage, area_span), F(ErasingStage, log_ratio_low),
      F(ErasingStage, log_ratio_span), F(ErasingStage, is_random), F(ErasingStage, value)},
     {BOX, F(ErasingDraw, key_low), F(ErasingDraw, key_high)}},
    {Kind::kCutout, "cutout", Section::kOcclusion, 0,
     {F(CutoutStage, cut_width), F(CutoutStage, cut_height), F(CutoutStage, overhang),
      F(CutoutStage, value)}, {BOX}},
    {Kind::kGridMask, "grid_mask", Section::kOcclusion, 0,
     {F(GridMaskStage, period_low), F(GridMaskStage, period_count), F(GridMaskStage, kept)},
     {F(GridMaskDraw, offset_x), F(GridMaskDraw, offset_y), F(GridMaskDraw, period),
      F(GridMaskDraw, square)}},
    {Kind::kCutMix, "cutmix", Section::kMix, trait::kSimple, {F(MixStage, inverse_alpha)},
     {BOX, F(CutMixDraw, lam)}},
    {Kind::kMixUp, "mixup", Section::kMix, trait::kSimple, {F(MixStage, inverse_alpha)},
     {F(MixUpDraw, lam)}},
    {Kind::kPolicy, "policy", Section::kWholeImage, trait::kHasStatistics,
     {F(PolicyStage, space), F(PolicyStage, bins), F(PolicyStage, count), F(PolicyStage, shared),
      F(PolicyStage, max_x), F(PolicyStage, max_y), F(PolicyStage, interpolation),
      F(PolicyStage, entry)},
     {F(PolicyDraw, operation), F(PolicyDraw, magnitude)}},
    {Kind::kAutocontrast, "autocontrast", Section::kWholeImage, trait::kHasStatistics, {}, {}},
    {Kind::kEqualize, "equalize", Section::kWholeImage, trait::kHasStatistics, {}, {}},
    {Kind::kSharpness, "sharpness", Section::kWholeImage, 0, {F(SharpnessStage, factor)}, {}},
    {Kind::kGaussianBlur, "gaussian_blur", Section::kWholeImage, trait::kHasPasses,
     {F(BlurStage, sigma_low), F(BlurStage, sigma_span), F(BlurStage, radius_x),
      F(BlurStage, radius_y)},
     {F(BlurDraw, sigma)}},
    {Kind::kPerspective, "perspective", Section::kWholeImage, 0,
     {F(PerspectiveStage, reach_x), F(PerspectiveStage, reach_y),
      F(PerspectiveStage, interpolation)},
     {F(PerspectiveDraw, top_left), F(PerspectiveDraw, top_right),
      F(PerspectiveDraw, bottom_right), F(PerspectiveDraw, bottom_left)}},
    {Kind::kAugMix, "augmix", Section::kWholeImage, trait::kHasStatistics | trait::kChains,
     {F(AugMixStage, chain), F(AugMixStage, chains), F(AugMixStage, slot), F(AugMixStage, slots),
      F(AugMixStage, draws_depth), F(AugMixStage, all_ops), F(AugMixStage, severity),
      F(AugMixStage, alpha), F(AugMixStage, max_x), F(AugMixStage, max_y),
      F(AugMixStage, interpolation)},
     {F(AugMixDraw, operation), F(AugMixDraw, magnitude), F(AugMixDraw, share), F(AugMixDraw, own),
      F(AugMixDraw, depth)}},
    {Kind::kTimmPolicy, "timm_policy", Section::kWholeImage, trait::kHasStatistics,
     {F(TimmPolicyStage, increases), F(TimmPolicyStage, probability), F(TimmPolicyStage, level),
      F(TimmPolicyStage, sigma), F(TimmPolicyStage, is_uniform), F(TimmPolicyStage, highest),
      F(TimmPolicyStage, interpolation)},
     {F(PolicyDraw, operation), F(PolicyDraw, magnitude), F(PolicyDraw, interpolation)}},
};
#undef BOX
#undef F
// clang-format on

constexpr int kKindCount = sizeof(kKinds) / sizeof(kKinds[0]);

constexpr bool kinds_are_in_order() {
  for (int i = 0; i < kKindCount; ++i) {
    const KindInfo& info = kKinds[i];
    if (static_cast<int>(info.kind) != i || !fields_are_dense(info.stage) ||
        !fields_are_dense(info.draw)) {
      return false;
    }
  }
  return true;
}
static_assert(kinds_are_in_order() && kKindCount == static_cast<int>(Kind::kTimmPolicy) + 1,
              "kKinds must have a row a Kind in the enum's order, with all fields in theirs");

// The end of a switch over the kinds of one section, which csrc/program.cpp lets no other kind
// into. On a GPU it does nothing: a trap costs the pixel loops 14 registers and 2 % of their
// instructions (nvcc 13.0), and the host runs the same code under test.
HOST_DEVICE void unknown_kind() {
#if !defined(__CUDA_ARCH__)
  throw std::logic_error(
      "a kind of stage has no case in a switch over its section's kinds: add one in "
      "kernels/augment/color.h, geometry.h, occlusion.h, mix.h or whole_image.h");
#endif
}

constexpr const KindInfo& info_of(Kind kind) { return kKinds[static_cast<int>(kind)]; }

constexpr bool has_trait(Kind kind, int32_t trait) { return (info_of(kind).traits & trait) != 0; }

// Whether a stage of a map takes what is between pixels from sixteen.
inline bool is_bicubic(const Stage& stage) {
  return stage.kind == Kind::kAffine && stage.affine.interpolation == Interpolation::kBicubic;
}

}  // namespace warpmix::augment
