// Every schema on one page, the CPU implementations, and the pybind11 module. Each op writes into
// tensors that its caller made and returns nothing: one schema serves `out=`, torch.compile and
// CUDA graphs. `_emulated` ops run the CUDA kernel bodies on the host, for tests.
#include <torch/csrc/stable/library.h>

#include "augment.h"
#include "build_info.h"
#include "fixed_math.h"
#include "philox.h"
#include "pybind.h"
#include "vote.h"

STABLE_TORCH_LIBRARY(warpmix, library) {
  library.def(
      "augment(Tensor images, Tensor? index, Tensor? ids, Tensor? active, Tensor? labels, "
      "Tensor? sums, Tensor? draws, Tensor? step, int seed, int epoch, bool from_batch, "
      "int[] program, float[] scale, float[] bias, "
      "Tensor(a!) batch, Tensor(b!) pair, Tensor(c!) lam) -> ()");
  library.def(
      "augment_emulated(Tensor images, Tensor? index, Tensor? ids, Tensor? active, "
      "Tensor? labels, Tensor? sums, Tensor? draws, Tensor? step, int seed, int epoch, "
      "bool from_batch, int[] program, float[] scale, float[] bias, "
      "Tensor(a!) batch, Tensor(b!) pair, Tensor(c!) lam) -> ()");
  library.def(
      "draw(Tensor images, Tensor? index, Tensor? ids, Tensor? active, Tensor? step, int seed, "
      "int epoch, bool from_batch, int[] program, Tensor(a!) draws) -> ()");
  library.def("channel_sums(Tensor images, Tensor(a!) sums) -> ()");
  library.def("channel_sums_emulated(Tensor images, Tensor(a!) sums) -> ()");

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

STABLE_TORCH_LIBRARY_IMPL(warpmix, CPU, library) {
  library.impl("augment", TORCH_BOX(&warpmix::cpu::augment));
  library.impl("augment_emulated", TORCH_BOX(&warpmix::cpu::augment_emulated));
  library.impl("draw", TORCH_BOX(&warpmix::cpu::draw));
  library.impl("channel_sums", TORCH_BOX(&warpmix::cpu::channel_sums));
  library.impl("channel_sums_emulated", TORCH_BOX(&warpmix::cpu::channel_sums_emulated));
  library.impl("vote", TORCH_BOX(&warpmix::cpu::vote));
  library.impl("vote_emulated", TORCH_BOX(&warpmix::cpu::vote_emulated));
  library.impl("vote_curve", TORCH_BOX(&warpmix::cpu::vote_curve));
  library.impl("vote_curve_emulated", TORCH_BOX(&warpmix::cpu::vote_curve_emulated));
  library.impl("class_planes", TORCH_BOX(&warpmix::cpu::class_planes));
  library.impl("class_planes_emulated", TORCH_BOX(&warpmix::cpu::class_planes_emulated));
  library.impl("greedy_scores", TORCH_BOX(&warpmix::cpu::greedy_scores));
  library.impl("greedy_scores_emulated", TORCH_BOX(&warpmix::cpu::greedy_scores_emulated));
  library.impl("bootstrap", TORCH_BOX(&warpmix::cpu::bootstrap));
  library.impl("bootstrap_emulated", TORCH_BOX(&warpmix::cpu::bootstrap_emulated));
}

PYBIND11_MODULE(_C, module) {
  module.doc() = "warpmix's operators (torch.ops.warpmix) and how this binary was built.";
  module.def(
      "build_info", [] { return WARPMIX_BUILD_INFO; },
      "JSON text: the versions, compilers, flags and GPU architectures of this build.");

  // Hooks of the tests: what both backends compute, on the host.
  module.def("philox", [](const pybind11::sequence& counter, uint64_t key) {
    warpmix::Philox4 words;
    for (int i = 0; i < 4; ++i) {
      words.word[i] = counter[i].cast<uint32_t>();
    }
    words = warpmix::philox(words, key);
    pybind11::list list;
    for (const uint32_t word : words.word) {
      list.append(word);
    }
    return list;
  });
  module.def("fixed_log", [](float x) { return warpmix::fixed_log(x); });
  module.def("fixed_exp", [](float x) { return warpmix::fixed_exp(x); });
  module.def("fixed_sin_turns", [](float v) { return warpmix::fixed_sin_turns(v); });
  module.def("fixed_cos_turns", [](float v) { return warpmix::fixed_cos_turns(v); });
}
