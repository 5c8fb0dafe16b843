// Checks, and the translation of the ops' arguments to plain parameters. Part of both modules.
#include "augment.h"

#include "augment/mix.h"
#include "augment/whole_image.h"
#include "guards.h"
#include "program.h"

namespace warpmix {
namespace {

using augment::AugmentParams;
using augment::OutType;
using augment::Program;

constexpr int64_t kInt32Max = 2147483647;

// The data of an optional tensor argument after its checks, or null.
template <typename T>
const T* optional_data(const char* op, const char* name, const OptionalTensor& tensor,
                       const Tensor& images, int64_t count) {
  return tensor ? checked_data<const T>(op, name, *tensor, images, count) : nullptr;
}

void require_channels(const char* op, int64_t channels) {
  WARPMIX_CHECK(op, channels >= 1 && channels <= augment::kMaxChannels, "images must have 1 to ",
                augment::kMaxChannels, " channels, got ", channels);
}

// Images of sizes of their own: all pixels [P, C].
void set_mixed_source(const char* op, const Tensor& images, const Tensor& offsets,
                      const Tensor& sizes, augment::ImageSource& params) {
  WARPMIX_CHECK_DIM(op, images, 2);
  WARPMIX_CHECK_CONTIGUOUS(op, images);
  WARPMIX_CHECK(op, images.scalar_type() == ScalarType::Byte, "images must be uint8 with sizes");
  WARPMIX_CHECK_DIM(op, offsets, 1);
  const int64_t count = offsets.size(0);
  WARPMIX_CHECK(op, count <= kInt32Max, "offsets must be of fewer than 2^31 images");
  require_channels(op, images.size(1));
  params.images = images.const_data_ptr();
  params.channels = static_cast<int32_t>(images.size(1));
  params.pixel_stride = params.channels;
  params.channel_stride = 1;
  params.image_count = static_cast<int32_t>(count);
  params.pixel_count = images.size(0);
  params.offsets = checked_data<const int64_t>(op, "offsets", offsets, images, count);
  params.sizes = checked_data<const int32_t>(op, "sizes", sizes, images, 2 * count);
  if (!images.is_cuda()) {
    require_images(op, params);
  }
}

void set_source(const char* op, const Tensor& images, const OptionalTensor& offsets,
                const OptionalTensor& sizes, augment::ImageSource& params) {
  WARPMIX_CHECK(op, offsets.has_value() == sizes.has_value(),
                "offsets and sizes must be given together, got one of them");
  if (sizes) {
    return set_mixed_source(op, images, *offsets, *sizes, params);
  }
  WARPMIX_CHECK_DIM(op, images, 4);
  const int64_t height = images.size(1);
  const int64_t width = images.size(2);
  const int64_t channels = images.size(3);
  require_channels(op, channels);
  WARPMIX_CHECK(op, height >= 1 && width >= 1 && height * width <= augment::kMaxPixels,
                "images must have 1 to ", augment::kMaxPixels, " pixels, got ", height * width);
  WARPMIX_CHECK(op, images.size(0) <= kInt32Max, "images must hold fewer than 2^31 images");
  const bool interleaved = images.stride(3) == 1 || channels == 1;
  const int64_t pixel_stride = interleaved ? channels : 1;
  const int64_t channel_stride = interleaved ? 1 : height * width;
  const int64_t strides[] = {height * width * channels, width * pixel_stride, pixel_stride,
                             channel_stride};
  for (int64_t i = 0; images.size(0) > 0 && i < 4; ++i) {
    // Of a dimension of one a stride says nothing, and is any number.
    WARPMIX_CHECK(op, images.size(i) == 1 || images.stride(i) == strides[i],
                  "images must be dense as NHWC or NCHW, got other strides");
  }
  params.images = images.const_data_ptr();
  params.image_stride = height * width * channels;
  params.row_stride = static_cast<int32_t>(width * pixel_stride);
  params.pixel_stride = static_cast<int32_t>(pixel_stride);
  params.channel_stride = static_cast<int32_t>(channel_stride);
  params.height = static_cast<int32_t>(height);
  params.width = static_cast<int32_t>(width);
  params.channels = static_cast<int32_t>(channels);
  params.image_count = static_cast<int32_t>(images.size(0));
}

bool is_float_source(const char* op, const Tensor& images) {
  const bool is_float = images.scalar_type() == ScalarType::Float;
  WARPMIX_CHECK(op, is_float || images.scalar_type() == ScalarType::Byte,
                "images must be uint8 or float32");
  return is_float;
}

void set_samples(const char* op, const Tensor& images, const OptionalTensor& offsets,
                 const OptionalTensor& sizes, const OptionalTensor& index,
                 const OptionalTensor& ids, const OptionalTensor& active,
                 const OptionalTensor& step, int64_t seed, int64_t epoch, bool from_batch,
                 const std::vector<int64_t>& program, int64_t batch_size, AugmentParams& params) {
  set_source(op, images, offsets, sizes, params);
  WARPMIX_CHECK(op, batch_size <= kInt32Max, "batch must hold fewer than 2^31 samples");
  WARPMIX_CHECK(op, index || batch_size == params.image_count, "batch of ", batch_size,
                " samples without index must have as many images, got ", params.image_count);
  params.batch_size = static_cast<int32_t>(batch_size);
  params.index = optional_data<int64_t>(op, "index", index, images, batch_size);
  params.ids = optional_data<int64_t>(op, "ids", ids, images, batch_size);
  params.active = optional_data<bool>(op, "active", active, images, batch_size);
  params.step = optional_data<int64_t>(op, "step", step, images, 1);
  params.seed = static_cast<uint64_t>(seed);
  params.epoch = static_cast<uint32_t>(epoch);
  params.from_batch = from_batch;
  params.program = parse_program(op, program);
}

// A GPU's memory is not looked at here: it would wait for the device. Its kernels stop at a row
// that is none of the images' (require_row).
void require_host_samples(const char* op, const Tensor& images, const AugmentParams& params) {
  if (!images.is_cuda()) {
    require_samples(op, params);
  }
}

void set_output(const char* op, const Tensor& batch, AugmentParams& params) {
  WARPMIX_CHECK_DIM(op, batch, 4);
  WARPMIX_CHECK_SIZE(op, batch, 1, params.channels);
  const int64_t height = batch.size(2);
  const int64_t width = batch.size(3);
  WARPMIX_CHECK(op, height >= 1 && width >= 1 && height * width <= augment::kMaxPixels,
                "batch must have 1 to ", augment::kMaxPixels, " pixels, got ", height * width);
  const Size result = result_size(op, params.program, {params.height, params.width});
  WARPMIX_CHECK(op, height == result.height && width == result.width,
                "batch must have the size that the program makes, ", result.height, " x ",
                result.width, "; got ", height, " x ", width);
  const int64_t pixels = height * width;
  const int64_t elements = pixels * params.channels;
  // A size of 1 makes a stride meaningless, so the layout is read off the others.
  const bool contiguous = batch.is_contiguous();
  const bool channels_last = !contiguous && batch.stride(1) == 1 &&
                             (width == 1 || batch.stride(3) == params.channels) &&
                             (height == 1 || batch.stride(2) == width * params.channels) &&
                             (params.batch_size == 1 || batch.stride(0) == elements);
  WARPMIX_CHECK(op, contiguous || channels_last,
                "batch must be contiguous or channels_last, got other strides");
  const bool interleaved = channels_last || params.channels == 1;
  params.batch = batch.mutable_data_ptr();
  params.out_height = static_cast<int32_t>(height);
  params.out_width = static_cast<int32_t>(width);
  params.out_image_stride = elements;
  params.out_pixel_stride = interleaved ? params.channels : 1;
  params.out_row_stride = params.out_width * params.out_pixel_stride;
  params.out_channel_stride = interleaved ? 1 : static_cast<int32_t>(pixels);
}

void require_draws_size(const char* op, const Tensor& draws, const Program& program) {
  WARPMIX_CHECK_SIZE(op, draws, 1, augment::sides(program));
  WARPMIX_CHECK_SIZE(op, draws, 2, program.count);
  WARPMIX_CHECK_SIZE(op, draws, 3, augment::kDrawWords);
}

OutType value_type(const char* op, const char* name, const Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case ScalarType::Float:
      return OutType::kFloat32;
    case ScalarType::Half:
      return OutType::kFloat16;
    case ScalarType::BFloat16:
      return OutType::kBFloat16;
    case ScalarType::Byte:
      return OutType::kUInt8;
    default:
      WARPMIX_CHECK(op, false, name, " must be float32, float16, bfloat16 or uint8");
  }
  return OutType::kFloat32;
}

}  // namespace

AugmentCall check_augment(const Tensor& images, const OptionalTensor& index,
                          const OptionalTensor& ids, const OptionalTensor& active,
                          const OptionalTensor& labels, const OptionalTensor& sums,
                          const OptionalTensor& draws, const OptionalTensor& step, int64_t seed,
                          int64_t epoch, bool from_batch, const std::vector<int64_t>& program,
                          const std::vector<double>& scale, const std::vector<double>& bias,
                          const Tensor& batch, const Tensor& pair, const Tensor& lam,
                          const OptionalTensor& offsets, const OptionalTensor& sizes) {
  constexpr const char* op = "augment";
  AugmentParams params = {};
  const OutType source_type = value_type(op, "images", images);
  const int64_t batch_size = batch.size(0);
  set_samples(op, images, offsets, sizes, index, ids, active, step, seed, epoch, from_batch,
              program, batch_size, params);
  params.out_type = value_type(op, "batch", batch);
  set_output(op, batch, params);
  const bool clips = params.program.clips;
  WARPMIX_CHECK(op, clips || (source_type != OutType::kUInt8 && params.out_type != OutType::kUInt8),
                "images and batch must be of floats where no value is clipped");
  const bool whole = source_type == OutType::kUInt8 || source_type == OutType::kFloat32;
  WARPMIX_CHECK(op, whole || !(clips || params.program.is_whole_image),
                "images must be uint8 or float32 where they are not only moved and mixed");
  WARPMIX_CHECK_SAME_DEVICE(op, batch, images);
  const int64_t count = params.image_count;
  params.labels = optional_data<int64_t>(op, "labels", labels, images, count);
  params.sums = optional_data<int64_t>(op, "sums", sums, images, count * params.channels);
  WARPMIX_CHECK(op, sums.has_value() || !needs_sums(params.program),
                "sums must be given where a contrast pivots on a mean, got none");
  const int64_t drawn = batch_size * augment::sides(params.program) * params.program.count;
  params.draws = optional_data<int32_t>(op, "draws", draws, images, drawn * augment::kDrawWords);
  params.pair = checked_data<int64_t>(op, "pair", pair, images, 2 * batch_size);
  params.lam = checked_data<float>(op, "lam", lam, images, batch_size);
  WARPMIX_CHECK(op, !needs_rgb(params.program) || params.channels == 3,
                "images must have 3 channels for saturation and hue, got ", params.channels);
  WARPMIX_CHECK(op,
                static_cast<int64_t>(scale.size()) == params.channels &&
                    static_cast<int64_t>(bias.size()) == params.channels,
                "scale and bias must have one value a channel (", params.channels, ")");
  for (int32_t c = 0; c < params.channels; ++c) {
    params.scale[c] = static_cast<float>(scale[c]);
    params.bias[c] = static_cast<float>(bias[c]);
  }
  require_host_samples(op, images, params);
  return {params, source_type, images};
}

int64_t entering_count(const AugmentParams& params) {
  return static_cast<int64_t>(params.batch_size) * augment::sides(params.program) *
         params.program.means * params.channels;
}

int64_t statistics_count(const AugmentParams& params) {
  const bool some = augment::some_have(params.program, augment::trait::kHasStatistics);
  const int64_t channels = static_cast<int64_t>(params.batch_size) * params.channels;
  return some ? channels * augment::kStatisticsWords : 0;
}

int64_t between_count(const AugmentParams& params) {
  const int64_t elements = params.batch_size * params.out_image_stride;
  const bool some = augment::some_have(params.program, augment::trait::kHasPasses);
  return augment::has_chains(params.program) ? 3 * elements : some ? elements : 0;
}

DrawCall check_draw(const Tensor& images, const OptionalTensor& index, const OptionalTensor& ids,
                    const OptionalTensor& active, const OptionalTensor& step, int64_t seed,
                    int64_t epoch, bool from_batch, const std::vector<int64_t>& program,
                    const Tensor& draws, const OptionalTensor& offsets,
                    const OptionalTensor& sizes) {
  constexpr const char* op = "draw";
  AugmentParams params = {};
  WARPMIX_CHECK_DIM(op, draws, 4);
  set_samples(op, images, offsets, sizes, index, ids, active, step, seed, epoch, from_batch,
              program, draws.size(0), params);
  require_draws_size(op, draws, params.program);
  require_host_samples(op, images, params);
  return {params, checked_data<int32_t>(op, "draws", draws, images, draws.numel()), images};
}

DrawsCheck check_draws(const Tensor& draws, int64_t image_count, bool from_batch,
                       const std::vector<int64_t>& program, const OptionalTensor& index,
                       const OptionalTensor& sizes) {
  constexpr const char* op = "check_draws";
  AugmentParams params = {};
  WARPMIX_CHECK_DIM(op, draws, 4);
  WARPMIX_CHECK(op, draws.size(0) <= kInt32Max, "batch must hold fewer than 2^31 samples");
  params.batch_size = static_cast<int32_t>(draws.size(0));
  params.program = parse_program(op, program);
  require_draws_size(op, draws, params.program);
  WARPMIX_CHECK(op, image_count >= 0 && image_count <= kInt32Max,
                "image_count must be in [0, 2^31), got ", image_count);
  params.image_count = static_cast<int32_t>(image_count);
  params.from_batch = from_batch;
  params.draws = checked_data<const int32_t>(op, "draws", draws, draws, draws.numel());
  params.index = optional_data<int64_t>(op, "index", index, draws, params.batch_size);
  params.sizes = optional_data<int32_t>(op, "sizes", sizes, draws, 2 * image_count);
  require_samples(op, params);
  return {};
}

SumsCall check_channel_sums(const Tensor& images, const Tensor& sums, const OptionalTensor& offsets,
                            const OptionalTensor& sizes) {
  constexpr const char* op = "channel_sums";
  augment::SumsParams params = {};
  const bool is_float = is_float_source(op, images);
  set_source(op, images, offsets, sizes, params);
  WARPMIX_CHECK_DIM(op, sums, 2);
  WARPMIX_CHECK_SIZE(op, sums, 0, params.image_count);
  WARPMIX_CHECK_SIZE(op, sums, 1, params.channels);
  params.sums = checked_data<int64_t>(op, "sums", sums, images, sums.numel());
  return {params, is_float, images};
}

}  // namespace warpmix
