// One launch of the fused augmentation, as plain data. Python's compiler (augment/program.py)
// writes the program, csrc/ fills in the pointers, the kernel bodies read both.
#pragma once

#include "../host_device.h"

namespace warpmix::augment {

constexpr int kMaxStages = 16;    // of one launch; longer lists become more launches
constexpr int kMaxChannels = 16;  // Sentinel-2 has 13; more would not fit the per-image constants
constexpr int kStageWords = 11;   // int64 words of one stage in the op's `program` argument
constexpr int kDrawWords = 8;     // int32 words of one StageDraw in the op's `draws` argument
constexpr int64_t kMaxPixels = 1 << 24;  // of one image: λ divides two counts exact in float32

// Channel sums count in steps of 2^-16, so that sums of float images are exact integers too.
constexpr float kSumScale = 65536.0f;

enum class Kind : int32_t {
  kShift = 0,
  kHorizontalFlip = 1,
  kVerticalFlip = 2,
  kContrast = 3,
  kCropBlackout = 4,
  kCutMix = 5,
  kMixUp = 6,
};

enum class OutType { kFloat32, kFloat16, kBFloat16, kUInt8 };

enum class Border : int32_t { kWrap = 0, kReflect = 1, kReplicate = 2, kConstant = 3 };

enum class Pivot : int32_t { kChannelMean = 0, kGrayMean = 1, kCenter = 2 };

// One transform of the list, with everything that does not depend on the sample.
struct Stage {
  Kind kind;
  int32_t stream;         // random stream: 1 + position in the user's list (0 is the pipeline's p)
  float p;                // probability that the stage applies to a sample
  int32_t choice_stream;  // stream of the RandomChoice it is a child of, or -1
  float choice_low;       // the child is chosen when choice_low <= u < choice_high
  float choice_high;
  int32_t extent_x;  // shift: largest |dx|; crop blackout: largest border, pixels
  int32_t extent_y;  // likewise along y
  int32_t mode;      // shift: Border; contrast: Pivot
  float low;         // contrast: smallest factor; mixes: 1/alpha; shift: fill in [0,255]
  float span;        // contrast: largest minus smallest factor
};

// The stages in normal form: [0, geometry_end) shifts and flips, [geometry_end, contrast_end)
// contrasts of which at most one applies to a sample, [contrast_end, mix_begin) occlusions,
// [mix_begin, mix_end) mixes of which at most one applies, [mix_end, count) occlusions.
struct Program {
  int32_t count;
  int32_t geometry_end;
  int32_t contrast_end;
  int32_t mix_begin;
  int32_t mix_end;
  float p;     // probability that a sample is augmented at all
  float fill;  // value of pixels that a constant border brings in, [0,255]
  Stage stages[kMaxStages];
};

// What one stage does to one sample. Also the layout of the op's `draws` tensor.
struct StageDraw {
  int32_t on;       // 0 or 1
  int32_t box[4];   // shift: dx, dy; crop blackout: border x, y; CutMix: x0, y0, x1, y1 (exclusive)
  float value;      // contrast: factor; mixes: λ, the sample's own share
  int32_t partner;  // mixes: row of the images, or position in the batch (see from_batch)
  int32_t unused;
};
static_assert(sizeof(StageDraw) == kDrawWords * sizeof(int32_t), "draws tensor layout");

// N images of `height` × `width` × `channels`; strides in elements.
struct ImageSource {
  const void* images;
  int64_t image_stride;
  int32_t row_stride;
  int32_t pixel_stride;
  int32_t channel_stride;
  int32_t height;
  int32_t width;
  int32_t channels;
  int32_t image_count;  // N
};

struct AugmentParams : ImageSource {
  // Output: [B, channels, height, width]; strides in elements.
  void* batch;
  int64_t out_image_stride;
  int32_t out_row_stride;
  int32_t out_pixel_stride;
  int32_t out_channel_stride;
  int32_t batch_size;  // B

  const int64_t* index;   // [B] row of each sample, or null: row b
  const int64_t* ids;     // [B] sample id of each sample's random stream, or null: its row
  const bool* active;     // [B] false: the sample is only normalised; or null: all true
  const int64_t* labels;  // [N] or null
  const int64_t* sums;    // [N, channels] in steps of 2^-16, or null where no contrast needs it
  const int32_t* draws;   // [B, sides, count, kDrawWords] to replay, or null: drawn here
  const int64_t* step;    // [1] added to epoch, or null
  int64_t* pair;          // [2, B] labels (rows without labels) of the sample and of its partner
  float* lam;             // [B] own share

  uint64_t seed;
  uint32_t epoch;
  bool from_batch;  // partners are positions in the batch, not rows of the images

  float scale[kMaxChannels];  // out = value * scale + bias
  float bias[kMaxChannels];
  Program program;
};

// The channel sums of N images, in steps of 2^-16.
struct SumsParams : ImageSource {
  int64_t* sums;  // [N, channels], zeroed by the caller
};

}  // namespace warpmix::augment
