// Every schema on one page, and the pybind11 module. Each op writes into tensors that its caller
// made and returns nothing: one schema serves `out=`, torch.compile and CUDA graphs. `_emulated`
// ops run the CUDA kernel bodies on the host, for tests.
#include <torch/csrc/stable/library.h>

#include "augment/params.h"
#include "build_info.h"
#include "fixed_math.h"
#include "philox.h"
#include "pybind.h"

STABLE_TORCH_LIBRARY(warpmix, library) {
  library.def(
      "augment(Tensor images, Tensor? index, Tensor? ids, Tensor? active, Tensor? labels, "
      "Tensor? sums, Tensor? draws, Tensor? step, int seed, int epoch, bool from_batch, "
      "int[] program, float[] scale, float[] bias, "
      "Tensor(a!) batch, Tensor(b!) pair, Tensor(c!) lam, "
      "Tensor? offsets=None, Tensor? sizes=None) -> ()");
  library.def(
      "augment_emulated(Tensor images, Tensor? index, Tensor? ids, Tensor? active, "
      "Tensor? labels, Tensor? sums, Tensor? draws, Tensor? step, int seed, int epoch, "
      "bool from_batch, int[] program, float[] scale, float[] bias, "
      "Tensor(a!) batch, Tensor(b!) pair, Tensor(c!) lam, "
      "Tensor? offsets=None, Tensor? sizes=None) -> ()");
  library.def(
      "draw(Tensor images, Tensor? index, Tensor? ids, Tensor? active, Tensor? step, int seed, "
      "int epoch, bool from_batch, int[] program, Tensor(a!) draws, "
      "Tensor? offsets=None, Tensor? sizes=None) -> ()");
  library.def(
      "check_draws(Tensor draws, int image_count, bool from_batch, int[] program, "
      "Tensor? index=None, Tensor? sizes=None) -> ()");
  library.def(
      "channel_sums(Tensor images, Tensor(a!) sums, Tensor? offsets=None, Tensor? sizes=None) "
      "-> ()");
  library.def(
      "channel_sums_emulated(Tensor images, Tensor(a!) sums, Tensor? offsets=None, "
      "Tensor? sizes=None) -> ()");

  library.def(
      "vote(Tensor predictions, Tensor? weights, bool hard, bool logits, "
      "Tensor(a!) labels, Tensor(b!) scores, Tensor(c!) invalid, Tensor? inverse_temperature=None) "
      "-> ()");
  library.def(
      "vote_emulated(Tensor predictions, Tensor? weights, bool hard, bool logits, "
      "Tensor(a!) labels, Tensor(b!) scores, Tensor(c!) invalid, Tensor? inverse_temperature=None) "
      "-> ()");
  library.def(
      "vote_curve(Tensor predictions, Tensor targets, Tensor ranking, bool logits, "
      "Tensor(a!) soft_correct, Tensor(b!) hard_correct, Tensor(c!) invalid, "
      "Tensor? weights=None, Tensor? inverse_temperature=None) -> ()");
  library.def(
      "vote_curve_emulated(Tensor predictions, Tensor targets, Tensor ranking, bool logits, "
      "Tensor(a!) soft_correct, Tensor(b!) hard_correct, Tensor(c!) invalid, "
      "Tensor? weights=None, Tensor? inverse_temperature=None) -> ()");
  library.def(
      "class_planes(Tensor predictions, Tensor? inverse_temperature, bool logits, "
      "bool log, Tensor(a!) planes, Tensor(b!) invalid) -> ()");
  library.def(
      "class_planes_emulated(Tensor predictions, Tensor? inverse_temperature, bool logits, "
      "bool log, Tensor(a!) planes, Tensor(b!) invalid) -> ()");
  library.def(
      "greedy_scores(Tensor? planes, Tensor own, Tensor? sum, Tensor own_sum, Tensor targets, "
      "int members, Tensor(a!) score) -> ()");
  library.def(
      "greedy_scores_emulated(Tensor? planes, Tensor own, Tensor? sum, Tensor own_sum, "
      "Tensor targets, int members, Tensor(a!) score) -> ()");
  library.def("bootstrap(Tensor right, int seed, Tensor(a!) counts) -> ()");
  library.def("bootstrap_emulated(Tensor right, int seed, Tensor(a!) counts) -> ()");
}

namespace {

namespace py = pybind11;
using namespace warpmix;

// (name, type, place, count) of each.
py::list described(const augment::Fields& fields) {
  py::list list;
  for (const augment::Field& field : fields) {
    if (field.name != nullptr) {
      const char* type = augment::kFieldTypeNames[static_cast<int>(field.type)];
      list.append(py::make_tuple(field.name, type, field.place, field.count));
    }
  }
  return list;
}

py::dict described(const augment::KindInfo& info) {
  namespace trait = augment::trait;
  py::dict row;
  row["name"] = info.name;
  row["section"] = augment::kSectionNames[static_cast<int>(info.section)];
  row["warps"] = (info.traits & trait::kWarps) != 0;
  row["resamples"] = (info.traits & trait::kResamples) != 0;
  row["permutes"] = (info.traits & trait::kPermutes) != 0;
  row["simple"] = (info.traits & trait::kSimple) != 0;
  row["needs_rgb"] = (info.traits & trait::kNeedsRgb) != 0;
  row["has_pivot"] = (info.traits & trait::kHasPivot) != 0;
  row["has_statistics"] = (info.traits & trait::kHasStatistics) != 0;
  row["chains"] = (info.traits & trait::kChains) != 0;
  row["has_passes"] = (info.traits & trait::kHasPasses) != 0;
  row["stage"] = described(info.stage);
  row["draw"] = described(info.draw);
  return row;
}

template <size_t kCount>
py::list names(const char* const (&all)[kCount]) {
  py::list list;
  for (const char* name : all) {
    list.append(name);
  }
  return list;
}

}  // namespace

PYBIND11_MODULE(_C, module) {
  module.doc() = "warpmix's operators (torch.ops.warpmix) and how this binary was built.";
  module.def(
      "build_info", [] { return WARPMIX_BUILD_INFO; },
      "JSON text: the versions, compilers, flags and GPU architectures of this build.");

  // What Python's compiler of programs (augment/program.py) must know about the kernels.
  py::list kinds;
  for (const augment::KindInfo& info : augment::kKinds) {
    kinds.append(described(info));
  }
  module.attr("kinds") = kinds;
  module.attr("borders") = names(augment::kBorderNames);
  module.attr("pivots") = names(augment::kPivotNames);
  module.attr("spaces") = names(augment::kSpaceNames);
  module.attr("interpolations") = names(augment::kInterpolationNames);
  module.attr("operations") = names(augment::kPolicyOpNames);
  module.attr("max_stages") = augment::kMaxStages;
  module.attr("max_steps") = augment::kMaxSteps;
  module.attr("max_channels") = augment::kMaxChannels;
  module.attr("max_pixels") = augment::kMaxPixels;
  module.attr("source_mean") = augment::kSourceMean;
  module.attr("max_blur_radius") = augment::kMaxBlurRadius;
  module.attr("statistics_bytes") = sizeof(int32_t) * augment::kStatisticsWords;
  module.attr("draw_words") = augment::kDrawWords;

  // Hooks of the tests: what both backends compute, on the host.
  module.def("philox", [](const py::sequence& counter, uint64_t key) {
    Philox4 words;
    for (int i = 0; i < 4; ++i) {
      words.word[i] = counter[i].cast<uint32_t>();
    }
    words = philox(words, key);
    py::list list;
    for (const uint32_t word : words.word) {
      list.append(word);
    }
    return list;
  });
  module.def("fixed_log", [](float x) { return fixed_log(x); });
  module.def("fixed_exp", [](float x) { return fixed_exp(x); });
  module.def("fixed_sin_turns", [](float v) { return fixed_sin_turns(v); });
  module.def("fixed_cos_turns", [](float v) { return fixed_cos_turns(v); });
}
