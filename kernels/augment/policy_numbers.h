// What a slot of an automatic policy is given and draws: words of stages and draws, as the structs
// of stage_numbers.h. The arithmetic is policy.h's.
#pragma once

#include <cstdint>

#include "interpolation.h"

namespace warpmix::augment {

// What a policy may do to a sample, by torchvision's names for it; the last three are timm's.
enum class PolicyOp : int32_t {
  kIdentity,
  kShearX,
  kShearY,
  kTranslateX,
  kTranslateY,
  kRotate,
  kBrightness,
  kColor,
  kContrast,
  kSharpness,
  kPosterize,
  kSolarize,
  kAutoContrast,
  kEqualize,
  kInvert,
  kSolarizeAdd,
  kTranslateXRel,  // by a share of the width, whole pixels or not
  kTranslateYRel,
};
static_assert(static_cast<int32_t>(PolicyOp::kSolarizeAdd) == 15, "those of an entry have 4 bits");
constexpr const char* kPolicyOpNames[] = {
    "Identity",     "ShearX",   "ShearY",   "TranslateX",  "TranslateY",    "Rotate",
    "Brightness",   "Color",    "Contrast", "Sharpness",   "Posterize",     "Solarize",
    "AutoContrast", "Equalize", "Invert",   "SolarizeAdd", "TranslateXRel", "TranslateYRel"};

// Whose magnitudes: those of RandAugment and AutoAugment, of TrivialAugmentWide, or of AugMix.
enum class Space : int32_t { kStandard, kWide, kMixed };
constexpr const char* kSpaceNames[] = {"standard", "wide", "mixed"};

constexpr int32_t kMaxPolicyEntries = 26;

struct PolicyStage {
  Space space;
  int32_t bins;                          // of a magnitude, [2, 255]
  int32_t count;                         // of entries, [1, kMaxPolicyEntries]
  int32_t shared;                        // 1: the first block's word chooses, for all slots
  float max_x, max_y;                    // largest translations, pixels
  Interpolation interpolation;           // of moves
  int32_t entry[kMaxPolicyEntries / 2];  // two a word, see policy_entry in policy.h
};
struct PolicyDraw {
  PolicyOp operation;
  float magnitude;  // torchvision's, with its sign; see timm_policy.h for timm's operations
  Interpolation interpolation;  // where it is drawn
};

// A slot of timm's RandAugment.
struct TimmPolicyStage {
  int32_t increases;            // 1: all operations are stronger at higher levels
  float probability;            // that the operation, once drawn, is applied
  float level;                  // of the magnitudes; 10 is where timm's ranges end
  float sigma;                  // of its normal noise
  int32_t is_uniform;           // 1: it is drawn from [0, level) instead
  float highest;                // levels are cut to [0, highest]
  Interpolation interpolation;  // of moves
};

// A slot of AugMix: one operation of one of its chains.
struct AugMixStage {
  int32_t chain, chains;  // which, of how many
  int32_t slot, slots;    // likewise, of the longest chain
  int32_t draws_depth;    // 1: a chain has 1 to `slots` operations
  int32_t all_ops;        // 0: without Brightness, Color, Contrast and Sharpness
  int32_t severity;       // bins of a magnitude, of 10
  float alpha;
  float max_x, max_y;           // largest translations, pixels
  Interpolation interpolation;  // of moves
};
struct AugMixDraw {
  PolicyOp operation;
  float magnitude;
  float share;    // of the chain, in the mix
  float own;      // of the sample as it enters
  int32_t depth;  // operations of the chain
};

}  // namespace warpmix::augment
