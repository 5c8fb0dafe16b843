// One launch of the fused augmentation, as plain data. Python's compiler (augment/program.py)
// writes the program, csrc/ fills in the pointers, the kernel bodies read both.
#pragma once

#include "../float16.h"
#include "../host_device.h"

namespace warpmix::augment {

constexpr int kMaxStages = 16;     // of one launch; longer lists become more launches
constexpr int kMaxSteps = 8;       // colour stages of one launch, and likewise occlusions
constexpr int kMaxChannels = 16;   // Sentinel-2 has 13; more would not fit the per-image constants
constexpr int kStageNumbers = 11;  // parameters of one stage; the affine map has most
constexpr int kStageWords = 11 + kStageNumbers;  // int64 words of one stage in `program`
constexpr int kDrawNumbers = 6;                  // parameters that one stage draws for one sample
constexpr int kDrawWords = 2 + kDrawNumbers;     // int32 words of one StageDraw in `draws`
constexpr int64_t kMaxPixels = 1 << 24;  // of one image: λ divides two counts exact in float32

// Channel sums count in steps of 2^-16, so that sums of float images are exact integers too.
constexpr float kSumScale = 65536.0f;

// Where two stages' arithmetic is the same, they are one kind: a rotation is kAffine, and a resize
// is kResizedCrop with p = 0, which takes the whole image.
enum class Kind : int32_t {
  kShift = 0,
  kHorizontalFlip = 1,
  kVerticalFlip = 2,
  kAffine = 3,
  kResizedCrop = 4,
  kContrast = 5,
  kBrightness = 6,
  kSaturation = 7,
  kHue = 8,
  kCropBlackout = 9,
  kErasing = 10,
  kCutout = 11,
  kGridMask = 12,
  kCutMix = 13,
  kMixUp = 14,
};

enum class OutType { kFloat32, kFloat16, kBFloat16, kUInt8 };

// Calls function(Out()) with the C++ type of an output's elements.
template <typename Function>
HOST_DEVICE void with_out_type(OutType type, const Function& function) {
  switch (type) {
    case OutType::kFloat32:
      return function(float());
    case OutType::kFloat16:
      return function(Half());
    case OutType::kBFloat16:
      return function(BFloat16());
    case OutType::kUInt8:
      return function(uint8_t());
  }
}

enum class Border : int32_t { kWrap = 0, kReflect = 1, kReplicate = 2, kConstant = 3 };

enum class Pivot : int32_t { kChannelMean = 0, kGrayMean = 1, kCenter = 2 };

constexpr int32_t kSourceMean = -1;  // Stage::mean: the mean of the launch's source image

// One transform of the list, with everything that does not depend on the sample.
struct Stage {
  Kind kind;
  int32_t stream;         // random stream: 1 + position in the user's list (0 is the pipeline's p)
  int32_t block;          // first block of its parameters; ColorJitter's stages share a stream
  float p;                // probability that the stage applies to a sample
  int32_t choice_stream;  // stream of the RandomChoice it is a child of, or -1
  float choice_low;       // the child is chosen when choice_low <= u < choice_high
  float choice_high;
  int32_t mode;    // shift: Border; contrast: Pivot; cutout: 1 where it may overhang
  int32_t mean;    // contrast: kSourceMean, or its slot of the means of entering images
  int32_t width;   // of the image that enters the stage
  int32_t height;  // likewise
  // Meanings by kind, see draw.h and map.h.
  float number[kStageNumbers];
};

// The stages in normal form: geometry [0, geometry_end), in it [map_begin, map_end) the transforms
// that are composed into one map and sampled once, and whole-pixel ones before and after it; colour
// [geometry_end, color_end); occlusions [color_end, mix_begin); mixes [mix_begin, mix_end), of
// which at most one applies to a sample; occlusions [mix_end, count).
struct Program {
  int32_t count;
  int32_t map_begin;
  int32_t map_end;
  int32_t geometry_end;
  int32_t color_end;
  int32_t mix_begin;
  int32_t mix_end;
  Border map_border;
  float p;     // probability that a sample is augmented at all
  float fill;  // value of pixels that a constant border brings in, [0,255]
  // Whole pixels, at most one v · factor + offset, black borders: the fast template.
  bool is_simple;
  int32_t means;  // slots of the means of entering images, [0, kMaxSteps]
  Stage stages[kMaxStages];
};

// What one stage does to one sample. Also the layout of the op's `draws` tensor, whose numbers are
// the bits of floats; pixels are whole numbers.
struct StageDraw {
  int32_t on;       // 0 or 1
  int32_t partner;  // mixes: row of the images, or position in the batch (see from_batch)
  // shift: dx, dy; affine: turns, dx, dy, scale, shear x and y in turns; resized crop, erasing,
  // cutout, CutMix: x0, y0, x1, y1 (exclusive), CutMix also λ; contrast, brightness, saturation:
  // factor; hue: turns; crop blackout: border x, y; grid mask: offset x, y, period, side of a
  // square; MixUp: λ. λ is the sample's own share.
  float number[kDrawNumbers];
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
  // Output: [B, channels, out_height, out_width]; strides in elements.
  void* batch;
  OutType out_type;
  int32_t out_height;
  int32_t out_width;
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
  // [B, sides, means, channels] sums of the images as they enter a contrast, in steps of 2^-16;
  // null on the CPU, which takes them while it makes a sample, and where the program has no such
  // contrast.
  int64_t* entering;
  const int32_t* draws;  // [B, sides, count, kDrawWords] to replay, or null: drawn here
  const int64_t* step;   // [1] added to epoch, or null
  int64_t* pair;         // [2, B] labels (rows without labels) of the sample and of its partner
  float* lam;            // [B] own share

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
