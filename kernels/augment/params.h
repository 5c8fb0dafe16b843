// One launch of the fused augmentation, as plain data. Python's compiler (augment/program.py)
// writes the program, csrc/ fills in the pointers, the kernel bodies read both.
#pragma once

#include <type_traits>

#include "../float16.h"
#include "../host_device.h"
#include "stages.h"

namespace warpmix::augment {

constexpr int kMaxStages = 16;           // of one launch; longer lists become more launches
constexpr int kMaxSteps = 8;             // colour stages of one launch, and likewise occlusions
constexpr int64_t kMaxSide = 65535;      // of a resized image
constexpr int64_t kMaxPixels = 1 << 24;  // of one image: λ divides two counts exact in float32

// Channel sums count in steps of 2^-16, so that sums of float images are exact integers too.
constexpr float kSumScale = 65536.0f;

constexpr int32_t kStatisticsWords = 64;  // of one channel: see gpu/image_statistics.h

// Of the batch, and of the images.
enum class OutType { kFloat32, kFloat16, kBFloat16, kUInt8 };

// Whether sources of a type are those of float images of any range alone, which are only moved,
// covered and mixed.
template <typename Source>
constexpr bool kOnlyMoves = std::is_same_v<Source, Half> || std::is_same_v<Source, BFloat16>;

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
  float p;                   // probability that a sample is augmented at all
  float fill[kMaxChannels];  // of pixels that a constant border brings in, [0,255]
  int32_t map_width;         // of the image that enters the map
  int32_t map_height;
  bool map_is_bicubic;  // it takes what is between pixels from sixteen, not from four
  // Whole pixels, at most one v · factor + offset, black borders: the fast template.
  bool is_simple;
  // Or all stages are of the section whole_image, and at most one of them applies to a sample; the
  // ends above are 0. A launch of its own kind: see whole_image.h.
  bool is_whole_image;
  int32_t means;  // slots of the means of entering images, [0, kMaxSteps]
  // False for float images of any range: no value is clipped. Their pixels are moved, covered and
  // blended, by what keeps a NaN and an infinity.
  bool clips;
  Stage stages[kMaxStages];
};

// N images of `height` × `width` × `channels`; strides in elements. Or N images of sizes of their
// own, one after the other in any order with adjacent channels; the image's and the row's stride,
// height and width are then each image's.
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
  // Of images of sizes of their own, else null: [N] the first pixel of each, [N, 2] its height and
  // width; and how many pixels there are in all.
  const int64_t* offsets;
  const int32_t* sizes;
  int64_t pixel_count;
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
  // Of a whole-image launch, likewise null on the CPU or where not needed: [B, channels,
  // kStatisticsWords] what its operations need to know of each channel.
  int32_t* statistics;
  // Likewise: as many floats as the batch has elements, of images between two passes; or three
  // times as many, of chains: see gpu/chains.h.
  float* between_passes;
  int32_t slot;  // on the GPU, of a launch with chains: which of its stages this kernel does
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
