#include "program.h"

#include "checks.h"
#include "guards.h"

namespace warpmix {
namespace {

using augment::Field;
using augment::FieldType;
using augment::KindInfo;
using augment::Program;
using augment::Section;
using augment::Stage;

constexpr int64_t kHeaderWords = 11;  // before the fills
constexpr int64_t kStageWords = 10;   // before its kind's own fields

// Takes a program's words in turn.
class Reader {
 public:
  Reader(const char* op, const std::vector<int64_t>& words) : op_(op), words_(words) {}

  int64_t next() {
    require(1);
    return words_[next_++];
  }

  int32_t next_int() { return static_cast<int32_t>(next_in(INT32_MIN, INT32_MAX)); }

  // Of a float.
  uint32_t next_bits() { return static_cast<uint32_t>(next_in(0, UINT32_MAX)); }

  float next_float() { return float_from_bits(next_bits()); }

  // A number of a list of `count` names.
  int32_t next_of(const char* what, int64_t count) {
    const int64_t word = next();
    WARPMIX_CHECK(op_, word >= 0 && word < count, "program must hold known ", what, ", got ", word);
    return static_cast<int32_t>(word);
  }

  void require(int64_t count) const {
    WARPMIX_CHECK(op_, next_ + count <= size(), "program must have at least ", next_ + count,
                  " words, got ", size());
  }

  void require_end() const {
    WARPMIX_CHECK(op_, next_ == size(), "program must end after ", next_, " words, got ", size());
  }

 private:
  int64_t next_in(int64_t low, int64_t high) {
    const int64_t word = next();
    WARPMIX_CHECK(op_, word >= low && word <= high, "program must hold words in [", low, ", ", high,
                  "], got ", word);
    return word;
  }

  int64_t size() const { return static_cast<int64_t>(words_.size()); }

  const char* op_;
  const std::vector<int64_t>& words_;
  int64_t next_ = 0;
};

void parse_field(const Field& field, Reader& reader, Stage& stage) {
  for (int32_t i = 0; i < field.count; ++i) {
    uint32_t& word = stage.word[field.place + i];
    switch (field.type) {
      case FieldType::kInt:
      case FieldType::kPoint:
        word = static_cast<uint32_t>(reader.next_int());
        break;
      case FieldType::kFloat:
        word = reader.next_bits();
        break;
      case FieldType::kBorder:
        word = reader.next_of("borders", std::size(augment::kBorderNames));
        break;
      case FieldType::kPivot:
        word = reader.next_of("pivots", std::size(augment::kPivotNames));
        break;
      case FieldType::kSpace:
        word = reader.next_of("spaces", std::size(augment::kSpaceNames));
        break;
      case FieldType::kInterpolation:
        word = reader.next_of("interpolations", std::size(augment::kInterpolationNames));
        break;
      case FieldType::kOperation:
        word = reader.next_of("operations", std::size(augment::kPolicyOpNames));
        break;
    }
  }
}

void parse_stage(Reader& reader, Stage& stage) {
  const KindInfo& info = augment::kKinds[reader.next_of("kinds of stage", augment::kKindCount)];
  reader.require(kStageWords - 1);
  stage.kind = info.kind;
  stage.section = info.section;
  stage.stream = reader.next_int();
  stage.block = reader.next_int();
  stage.p = reader.next_float();
  stage.choice_stream = reader.next_int();
  stage.choice_low = reader.next_float();
  stage.choice_high = reader.next_float();
  stage.mean = reader.next_int();
  stage.width = reader.next_int();
  stage.height = reader.next_int();
  for (const Field& field : info.stage) {
    if (field.name != nullptr) {
      parse_field(field, reader, stage);
    }
  }
}

// Whether the map of a program in normal form takes what is between pixels from sixteen.
bool has_bicubic_map(const Program& program) {
  bool bicubic = false;
  for (int32_t i = program.map_begin; i < program.map_end; ++i) {
    bicubic |= augment::is_bicubic(program.stages[i]);
  }
  return bicubic;
}

// Whether the fast template serves: whole pixels, at most one v · factor + offset, black borders.
bool is_simple(const Program& program) {
  bool simple = program.clips && program.map_begin == program.map_end && program.means == 0;
  const Stage& first_color = program.stages[program.geometry_end];
  for (int32_t i = 0; i < program.count; ++i) {
    const Stage& stage = program.stages[i];
    simple = simple && augment::has_trait(stage.kind, augment::trait::kSimple) && stage.width > 0;
    if (stage.section == Section::kColor) {
      const bool alone =
          i == program.geometry_end ||
          (stage.choice_stream >= 0 && stage.choice_stream == first_color.choice_stream &&
           stage.stream != program.stages[i - 1].stream);
      simple = simple && alone;
    }
  }
  return simple;
}

}  // namespace

Program parse_program(const char* op, const std::vector<int64_t>& words) {
  Reader reader(op, words);
  reader.require(kHeaderWords);
  Program program = {};
  const int64_t count = reader.next();
  WARPMIX_CHECK(op, count >= 0 && count <= augment::kMaxStages, "program must have 0 to ",
                augment::kMaxStages, " stages, got ", count);
  program.count = static_cast<int32_t>(count);
  int64_t last = 0;
  for (int32_t* end : {&program.map_begin, &program.map_end, &program.geometry_end,
                       &program.color_end, &program.mix_begin, &program.mix_end}) {
    const int64_t word = reader.next();
    WARPMIX_CHECK(op, last <= word && word <= count,
                  "program must be in normal form, got section ends out of order");
    last = word;
    *end = static_cast<int32_t>(word);
  }
  program.map_border =
      static_cast<augment::Border>(reader.next_of("borders", std::size(augment::kBorderNames)));
  program.p = reader.next_float();
  program.clips = reader.next_of("ranges of values", 2) != 0;
  const int32_t fills = reader.next_of("numbers of fills", augment::kMaxChannels + 1);
  WARPMIX_CHECK(op, fills > 0, "program must have a fill, got none");
  for (int32_t c = 0; c < augment::kMaxChannels; ++c) {
    program.fill[c] = c < fills ? reader.next_float() : program.fill[fills - 1];
  }
  for (int32_t i = 0; i < program.count; ++i) {
    parse_stage(reader, program.stages[i]);
  }
  reader.require_end();
  program.is_whole_image =
      count > 0 && program.mix_end == 0 && program.stages[0].section == Section::kWholeImage;
  require_normal_form(op, program);
  require_stage_numbers(op, program);
  if (program.map_begin < program.map_end) {
    program.map_width = program.stages[program.map_begin].width;
    program.map_height = program.stages[program.map_begin].height;
  }
  program.map_is_bicubic = has_bicubic_map(program);
  program.is_simple = is_simple(program);
  return program;
}

Size result_size(const char* op, const Program& program, Size images) {
  Size size = images;
  for (int32_t i = 0; i < program.count; ++i) {
    const Stage& stage = program.stages[i];
    WARPMIX_CHECK(op, stage.height == size.height && stage.width == size.width,
                  "program must be for images of ", size.height, " x ", size.width,
                  " pixels where ", augment::info_of(stage.kind).name, " begins, got one for ",
                  stage.height, " x ", stage.width);
    if (stage.kind == augment::Kind::kShift) {
      size = {stage.shift.out_height, stage.shift.out_width};
    } else if (stage.kind == augment::Kind::kResizedCrop ||
               stage.kind == augment::Kind::kResample) {
      const augment::ResizedCropStage& crop = stage.resized_crop;
      size = crop.out_height > 0 ? Size{crop.out_height, crop.out_width} : Size{0, 0};
    }
  }
  WARPMIX_CHECK(op, size.height > 0, "program must bring images of mixed sizes to one size");
  return size;
}

bool needs_sums(const Program& program) {
  for (int32_t i = program.geometry_end; i < program.color_end; ++i) {
    const Stage& stage = program.stages[i];
    if (augment::has_trait(stage.kind, augment::trait::kHasPivot) &&
        stage.mean == augment::kSourceMean && stage.contrast.pivot != augment::Pivot::kCenter) {
      return true;
    }
  }
  return false;
}

bool needs_rgb(const Program& program) {
  for (int32_t i = 0; i < program.count; ++i) {
    if (augment::has_trait(program.stages[i].kind, augment::trait::kNeedsRgb)) {
      return true;
    }
  }
  return false;
}

}  // namespace warpmix
