// The normal form of a program: what its sections may hold, and in what order.
#include "augment/whole_image.h"
#include "checks.h"
#include "guards.h"

namespace warpmix {
namespace {

using augment::Program;
using augment::Section;
using augment::Stage;

constexpr int32_t kMapTraits = augment::trait::kWarps | augment::trait::kResamples;

// The section that the program's ends put stage i into.
Section section_at(const Program& program, int32_t i) {
  if (program.is_whole_image) {
    return Section::kWholeImage;
  }
  if (i < program.geometry_end) {
    return Section::kGeometry;
  }
  if (i < program.color_end) {
    return Section::kColor;
  }
  return i >= program.mix_begin && i < program.mix_end ? Section::kMix : Section::kOcclusion;
}

// Whether a map that stage `first` begins may have stage `other` too: what keeps the size, behind a
// resampling of images of mixed sizes that may be part of their map.
bool may_join(const Stage& first, const Stage& other) {
  if (first.width > 0 || first.kind != augment::Kind::kResample ||
      first.resized_crop.interpolation != augment::Interpolation::kBilinear ||
      other.kind == augment::Kind::kResample) {
    return false;
  }
  const augment::ResizedCropStage& crop = other.resized_crop;
  return other.width > 0 && (other.kind != augment::Kind::kResizedCrop ||
                             (crop.out_width == other.width && crop.out_height == other.height));
}

// A resampling is a map of its own, or begins one of images of mixed sizes; before it there are
// flips alone.
void check_resampling(const char* op, const Program& program) {
  for (int32_t i = 0; i < program.map_end; ++i) {
    if (!augment::has_trait(program.stages[i].kind, augment::trait::kResamples)) {
      continue;
    }
    for (int32_t other = program.map_begin; other < program.map_end; ++other) {
      WARPMIX_CHECK(op, other == i || may_join(program.stages[i], program.stages[other]),
                    "program must hold a resample in a map of its own, or of mixed sizes first in "
                    "one that keeps the size, got ",
                    augment::info_of(program.stages[other].kind).name, " beside it");
    }
    for (int32_t before = 0; before < i; ++before) {
      const Stage& stage = program.stages[before];
      WARPMIX_CHECK(op, augment::has_trait(stage.kind, augment::trait::kPermutes),
                    "program must hold flips alone before a resample, got ",
                    augment::info_of(stage.kind).name);
    }
  }
}

// All that a map samples between pixels it samples in one way.
void check_interpolation(const char* op, const Program& program) {
  const Stage* first = nullptr;
  for (int32_t i = program.map_begin; i < program.map_end; ++i) {
    const Stage& stage = program.stages[i];
    if (!augment::has_trait(stage.kind, kMapTraits)) {
      continue;
    }
    first = first == nullptr ? &stage : first;
    WARPMIX_CHECK(op, augment::is_bicubic(stage) == augment::is_bicubic(*first),
                  "program must hold a map of one interpolation, got ",
                  augment::info_of(stage.kind).name, " of another beside it");
  }
}

void check_sections(const char* op, Program& program) {
  const int32_t colors = program.color_end - program.geometry_end;
  const int32_t last = program.is_whole_image ? 0 : program.count - program.mix_end;
  const int32_t occlusions = max_of(program.mix_begin - program.color_end, last);
  WARPMIX_CHECK(op, max_of(colors, occlusions) <= augment::kMaxSteps, "program must have at most ",
                augment::kMaxSteps, " stages of one section, got ", max_of(colors, occlusions));
  for (int32_t i = 0; i < program.count; ++i) {
    const Stage& stage = program.stages[i];
    const char* name = augment::info_of(stage.kind).name;
    const bool in_map = i >= program.map_begin && i < program.map_end;
    WARPMIX_CHECK(op,
                  stage.section == section_at(program, i) &&
                      (in_map || !augment::has_trait(stage.kind, kMapTraits)),
                  "program must be in normal form, got ", name, " out of place");
    WARPMIX_CHECK(op,
                  program.clips || (stage.section != Section::kColor &&
                                    !augment::has_trait(stage.kind, kMapTraits)),
                  "program must clip its values for ", name, ", which computes on [0, 255]");
    const int32_t choice = program.stages[0].choice_stream;
    WARPMIX_CHECK(op,
                  !program.is_whole_image || i == 0 ||
                      (choice >= 0 && stage.choice_stream == choice) ||
                      augment::has_chains(program),
                  "program must have one whole-image stage, or several of one choice, got ", name,
                  " beside another");
    if (stage.section == Section::kColor && stage.mean != augment::kSourceMean) {
      WARPMIX_CHECK(op, stage.mean == program.means, "program must number its means in order");
      ++program.means;
    }
  }
}

// Chains are a launch by themselves: all of their slots, chain after chain, with one set of shares.
void check_chains(const char* op, const Program& program) {
  for (int32_t i = 0; augment::has_chains(program) && i < program.count; ++i) {
    const Stage& stage = program.stages[i];
    const augment::AugMixStage& of = stage.augmix;
    const Stage& first = program.stages[0];
    const bool is_next = stage.kind == augment::Kind::kAugMix && of.slots >= 1 &&
                         of.slots <= program.count && of.chain == i / of.slots &&
                         of.slot == i % of.slots && of.chains == program.count / of.slots &&
                         program.count % of.slots == 0 && of.slots == first.augmix.slots &&
                         of.alpha == first.augmix.alpha && stage.stream == first.stream;
    WARPMIX_CHECK(op, is_next, "program must hold all slots of its chains in order, alone");
  }
}

}  // namespace

void require_normal_form(const char* op, Program& program) {
  check_sections(op, program);
  check_resampling(op, program);
  check_interpolation(op, program);
  check_chains(op, program);
}

}  // namespace warpmix
