// Checks, and the translation of the ops' arguments to plain parameters. Part of both modules.
#include "augment.h"

#include "augment/draw.h"

namespace warpmix {
namespace {

using augment::AugmentParams;
using augment::Kind;
using augment::OutType;
using augment::Program;

constexpr int64_t kHeaderWords = 10;
constexpr int64_t kInt32Max = 2147483647;

float float_word(int64_t word) { return float_from_bits(static_cast<uint32_t>(word)); }

bool is_occlusion(Kind kind) { return kind >= Kind::kCropBlackout && kind <= Kind::kGridMask; }

// The bounds that the kernels' fixed arrays rely on.
void check_sections(const char* op, Program& program) {
  const int32_t colors = program.color_end - program.geometry_end;
  const int32_t occlusions =
      max_of(program.mix_begin - program.color_end, program.count - program.mix_end);
  WARPMIX_CHECK(op, max_of(colors, occlusions) <= augment::kMaxSteps, "program must have at most ",
                augment::kMaxSteps, " stages of one section, got ", max_of(colors, occlusions));
  for (int32_t i = 0; i < program.count; ++i) {
    const augment::Stage& stage = program.stages[i];
    const bool occludes = i >= program.color_end && (i < program.mix_begin || i >= program.mix_end);
    WARPMIX_CHECK(op, is_occlusion(stage.kind) == occludes,
                  "program must be in normal form, got an occlusion out of place");
    if (i >= program.geometry_end && i < program.color_end && stage.mean != augment::kSourceMean) {
      WARPMIX_CHECK(op, stage.mean == program.means, "program must number its means in order");
      ++program.means;
    }
  }
}

// Whether the fast template serves: whole pixels, at most one v · factor + offset, black borders.
bool is_simple(const Program& program) {
  bool simple = program.map_begin == program.map_end && program.means == 0;
  for (int32_t i = program.geometry_end; i < program.count; ++i) {
    const augment::Stage& stage = program.stages[i];
    const augment::Stage& first = program.stages[program.geometry_end];
    if (i < program.color_end) {
      const bool alone = i == program.geometry_end ||
                         (stage.choice_stream >= 0 && stage.choice_stream == first.choice_stream &&
                          stage.stream != program.stages[i - 1].stream);
      simple = simple && alone && stage.kind <= Kind::kBrightness;
    } else if (is_occlusion(stage.kind)) {
      simple = simple && stage.kind == Kind::kCropBlackout;
    }
  }
  return simple;
}

// The words that python/warpmix/augment/program.py writes, in the order of the structs.
Program parse_program(const char* op, const std::vector<int64_t>& words) {
  using augment::kMaxStages;
  using augment::kStageWords;
  WARPMIX_CHECK(op, words.size() >= kHeaderWords, "program must have at least ", kHeaderWords,
                " words, got ", words.size());
  Program program = {};
  const int64_t count = words[0];
  WARPMIX_CHECK(op, count >= 0 && count <= kMaxStages, "program must have 0 to ", kMaxStages,
                " stages, got ", count);
  WARPMIX_CHECK(op, static_cast<int64_t>(words.size()) == kHeaderWords + count * kStageWords,
                "program of ", count, " stages must have ", kHeaderWords + count * kStageWords,
                " words, got ", words.size());
  program.count = static_cast<int32_t>(count);
  int32_t* const ends[] = {&program.map_begin, &program.map_end,   &program.geometry_end,
                           &program.color_end, &program.mix_begin, &program.mix_end};
  int64_t last = 0;
  for (int i = 0; i < 6; ++i) {
    WARPMIX_CHECK(op, last <= words[1 + i] && words[1 + i] <= count,
                  "program must be in normal form, got section ends out of order");
    last = words[1 + i];
    *ends[i] = static_cast<int32_t>(last);
  }
  program.map_border = static_cast<augment::Border>(words[7]);
  program.p = float_word(words[8]);
  program.fill = float_word(words[9]);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t* word = words.data() + kHeaderWords + i * kStageWords;
    augment::Stage& stage = program.stages[i];
    WARPMIX_CHECK(op, word[0] >= 0 && word[0] <= static_cast<int64_t>(augment::Kind::kMixUp),
                  "program must hold known kinds of stage, got ", word[0]);
    stage.kind = static_cast<augment::Kind>(word[0]);
    stage.stream = static_cast<int32_t>(word[1]);
    stage.block = static_cast<int32_t>(word[2]);
    stage.p = float_word(word[3]);
    stage.choice_stream = static_cast<int32_t>(word[4]);
    stage.choice_low = float_word(word[5]);
    stage.choice_high = float_word(word[6]);
    stage.mode = static_cast<int32_t>(word[7]);
    stage.mean = static_cast<int32_t>(word[8]);
    stage.width = static_cast<int32_t>(word[9]);
    stage.height = static_cast<int32_t>(word[10]);
    for (int n = 0; n < augment::kStageNumbers; ++n) {
      stage.number[n] = float_word(word[11 + n]);
    }
  }
  check_sections(op, program);
  program.is_simple = is_simple(program);
  return program;
}

void set_source(const char* op, const Tensor& images, augment::ImageSource& params) {
  WARPMIX_CHECK_DIM(op, images, 4);
  const int64_t height = images.size(1);
  const int64_t width = images.size(2);
  const int64_t channels = images.size(3);
  WARPMIX_CHECK(op, channels >= 1 && channels <= augment::kMaxChannels, "images must have 1 to ",
                augment::kMaxChannels, " channels, got ", channels);
  WARPMIX_CHECK(op, height >= 1 && width >= 1 && height * width <= augment::kMaxPixels,
                "images must have 1 to ", augment::kMaxPixels, " pixels, got ", height * width);
  WARPMIX_CHECK(op, images.size(0) <= kInt32Max, "images must hold fewer than 2^31 images");
  const bool interleaved = images.stride(3) == 1 || channels == 1;
  const int64_t pixel_stride = interleaved ? channels : 1;
  const int64_t channel_stride = interleaved ? 1 : height * width;
  WARPMIX_CHECK(op,
                images.size(0) == 0 ||
                    (images.stride(2) == pixel_stride && images.stride(1) == width * pixel_stride &&
                     (channels == 1 || images.stride(3) == channel_stride) &&
                     (images.size(0) == 1 || images.stride(0) == height * width * channels)),
                "images must be dense as NHWC or NCHW, got other strides");
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

// The data of an optional tensor argument after its checks, or null.
template <typename T>
const T* optional_data(const char* op, const char* name, const OptionalTensor& tensor,
                       const Tensor& images, ScalarType dtype, int64_t count) {
  if (!tensor) {
    return nullptr;
  }
  WARPMIX_CHECK(op, tensor->scalar_type() == dtype, name, " must have ScalarType ",
                static_cast<int>(dtype), ", got ", static_cast<int>(tensor->scalar_type()));
  WARPMIX_CHECK(op, tensor->is_contiguous() && tensor->numel() == count, name,
                " must be contiguous with ", count, " elements, got ", tensor->numel());
  WARPMIX_CHECK_SAME_DEVICE(op, *tensor, images);
  return static_cast<const T*>(tensor->const_data_ptr());
}

void set_samples(const char* op, const Tensor& images, const OptionalTensor& index,
                 const OptionalTensor& ids, const OptionalTensor& active,
                 const OptionalTensor& step, int64_t seed, int64_t epoch, bool from_batch,
                 const std::vector<int64_t>& program, int64_t batch_size, AugmentParams& params) {
  set_source(op, images, params);
  WARPMIX_CHECK(op, batch_size <= kInt32Max, "batch must hold fewer than 2^31 samples");
  WARPMIX_CHECK(op, index || batch_size == images.size(0), "batch of ", batch_size,
                " samples without index must have as many images, got ", images.size(0));
  params.batch_size = static_cast<int32_t>(batch_size);
  params.index = optional_data<int64_t>(op, "index", index, images, ScalarType::Long, batch_size);
  params.ids = optional_data<int64_t>(op, "ids", ids, images, ScalarType::Long, batch_size);
  params.active = optional_data<bool>(op, "active", active, images, ScalarType::Bool, batch_size);
  params.step = optional_data<int64_t>(op, "step", step, images, ScalarType::Long, 1);
  params.seed = static_cast<uint64_t>(seed);
  params.epoch = static_cast<uint32_t>(epoch);
  params.from_batch = from_batch;
  params.program = parse_program(op, program);
}

void set_output(const char* op, const Tensor& batch, AugmentParams& params) {
  WARPMIX_CHECK_DIM(op, batch, 4);
  WARPMIX_CHECK_SIZE(op, batch, 1, params.channels);
  const int64_t height = batch.size(2);
  const int64_t width = batch.size(3);
  WARPMIX_CHECK(op, height >= 1 && width >= 1 && height * width <= augment::kMaxPixels,
                "batch must have 1 to ", augment::kMaxPixels, " pixels, got ", height * width);
  WARPMIX_CHECK(op, !params.program.is_simple || (height == params.height && width == params.width),
                "batch must be as large as the images, ", params.height, " x ", params.width,
                ", where nothing resizes them; got ", height, " x ", width);
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

OutType out_type(const char* op, const Tensor& batch) {
  switch (batch.scalar_type()) {
    case ScalarType::Float:
      return OutType::kFloat32;
    case ScalarType::Half:
      return OutType::kFloat16;
    case ScalarType::BFloat16:
      return OutType::kBFloat16;
    case ScalarType::Byte:
      return OutType::kUInt8;
    default:
      WARPMIX_CHECK(op, false, "batch must be float32, float16, bfloat16 or uint8");
  }
  return OutType::kFloat32;
}

bool needs_sums(const Program& program) {
  for (int32_t i = program.geometry_end; i < program.color_end; ++i) {
    const augment::Stage& stage = program.stages[i];
    if (stage.kind == Kind::kContrast && stage.mean == augment::kSourceMean &&
        stage.mode != static_cast<int32_t>(augment::Pivot::kCenter)) {
      return true;
    }
  }
  return false;
}

bool needs_rgb(const Program& program) {
  for (int32_t i = program.geometry_end; i < program.color_end; ++i) {
    if (program.stages[i].kind == Kind::kSaturation || program.stages[i].kind == Kind::kHue) {
      return true;
    }
  }
  return false;
}

}  // namespace

AugmentCall augment_call(WARPMIX_AUGMENT_ARGUMENTS) {
  constexpr const char* op = "augment";
  AugmentCall call = {};
  AugmentParams& params = call.params;
  const int64_t batch_size = batch.size(0);
  set_samples(op, images, index, ids, active, step, seed, epoch, from_batch, program, batch_size,
              params);
  call.source_is_float = is_float_source(op, images);
  params.out_type = out_type(op, batch);
  set_output(op, batch, params);
  WARPMIX_CHECK_SAME_DEVICE(op, batch, images);
  const int64_t count = params.image_count;
  params.labels = optional_data<int64_t>(op, "labels", labels, images, ScalarType::Long, count);
  params.sums =
      optional_data<int64_t>(op, "sums", sums, images, ScalarType::Long, count * params.channels);
  WARPMIX_CHECK(op, sums.has_value() || !needs_sums(params.program),
                "sums must be given where a contrast pivots on a mean, got none");
  const int64_t sides = augment::sides(params.program);
  params.draws =
      optional_data<int32_t>(op, "draws", draws, images, ScalarType::Int,
                             batch_size * sides * params.program.count * augment::kDrawWords);
  WARPMIX_CHECK_DTYPE(op, pair, ScalarType::Long);
  WARPMIX_CHECK(op, pair.is_contiguous() && pair.numel() == 2 * batch_size,
                "pair must be contiguous [2, B]");
  WARPMIX_CHECK_SAME_DEVICE(op, pair, images);
  WARPMIX_CHECK_DTYPE(op, lam, ScalarType::Float);
  WARPMIX_CHECK(op, lam.is_contiguous() && lam.numel() == batch_size, "lam must be contiguous [B]");
  WARPMIX_CHECK_SAME_DEVICE(op, lam, images);
  WARPMIX_CHECK(op, !needs_rgb(params.program) || params.channels == 3,
                "images must have 3 channels for saturation and hue, got ", params.channels);
  params.pair = static_cast<int64_t*>(pair.mutable_data_ptr());
  params.lam = static_cast<float*>(lam.mutable_data_ptr());
  WARPMIX_CHECK(op,
                static_cast<int64_t>(scale.size()) == params.channels &&
                    static_cast<int64_t>(bias.size()) == params.channels,
                "scale and bias must have one value a channel (", params.channels, ")");
  for (int32_t c = 0; c < params.channels; ++c) {
    params.scale[c] = static_cast<float>(scale[c]);
    params.bias[c] = static_cast<float>(bias[c]);
  }
  return call;
}

int64_t entering_count(const AugmentParams& params) {
  return static_cast<int64_t>(params.batch_size) * augment::sides(params.program) *
         params.program.means * params.channels;
}

AugmentParams draw_call(WARPMIX_DRAW_ARGUMENTS) {
  constexpr const char* op = "draw";
  AugmentParams params = {};
  WARPMIX_CHECK_DTYPE(op, draws, ScalarType::Int);
  WARPMIX_CHECK_DIM(op, draws, 4);
  set_samples(op, images, index, ids, active, step, seed, epoch, from_batch, program, draws.size(0),
              params);
  WARPMIX_CHECK_SIZE(op, draws, 1, augment::sides(params.program));
  WARPMIX_CHECK_SIZE(op, draws, 2, params.program.count);
  WARPMIX_CHECK_SIZE(op, draws, 3, augment::kDrawWords);
  WARPMIX_CHECK_CONTIGUOUS(op, draws);
  WARPMIX_CHECK_SAME_DEVICE(op, draws, images);
  return params;
}

augment::SumsParams sums_call(const Tensor& images, const Tensor& sums) {
  constexpr const char* op = "channel_sums";
  augment::SumsParams params = {};
  is_float_source(op, images);
  set_source(op, images, params);
  WARPMIX_CHECK_DTYPE(op, sums, ScalarType::Long);
  WARPMIX_CHECK_DIM(op, sums, 2);
  WARPMIX_CHECK_SIZE(op, sums, 0, params.image_count);
  WARPMIX_CHECK_SIZE(op, sums, 1, params.channels);
  WARPMIX_CHECK_CONTIGUOUS(op, sums);
  WARPMIX_CHECK_SAME_DEVICE(op, sums, images);
  params.sums = static_cast<int64_t*>(sums.mutable_data_ptr());
  return params;
}

}  // namespace warpmix
