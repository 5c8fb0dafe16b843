// The GPU's kernel bodies of the ensemble ops, run on the host thread by thread.
#include "../ensemble.h"

#include <cstring>
#include <vector>

#include "../boxed.h"
#include "ensemble/bootstrap.h"
#include "ensemble/gpu/selection.h"
#include "ensemble/gpu/vote.h"

namespace warpmix::emulated {
namespace {

struct EmulateVote {
  const ensemble::VoteParams& params;

  template <typename Score, bool kRegisters>
  void run() const {
    ensemble::VoteParams launched = params;
    const size_t elements = kRegisters ? 0 : static_cast<size_t>(params.samples) * params.classes;
    std::vector<float> score(elements);
    std::vector<double> sum(elements), votes(elements);
    launched.score_workspace = score.data();
    launched.sum_workspace = sum.data();
    launched.vote_workspace = votes.data();
    const int64_t blocks = ceil_div<int64_t>(params.samples, ensemble::kThreads);
    for (int64_t block = 0; block < blocks; ++block) {
      for (int32_t thread = 0; thread < ensemble::kThreads; ++thread) {
        ensemble::vote_body<Score, kRegisters>(launched, block, thread);
      }
    }
  }
};

void vote(const VoteCall& call) {
  const ensemble::VoteParams& params = call.params;
  *params.invalid = 0;
  if (params.soft_correct) {
    std::memset(params.soft_correct, 0, sizeof(int64_t) * params.size);
    std::memset(params.hard_correct, 0, sizeof(int64_t) * params.size);
  }
  ensemble::dispatch(params, EmulateVote{params});
}

// Calls body(block, y, thread) as a launch over samples and models does.
template <typename Body>
void emulate(int64_t samples, int32_t models, const Body& body) {
  const int64_t blocks = ceil_div<int64_t>(samples, ensemble::kThreads);
  for (int32_t model = 0; model < models; ++model) {
    for (int64_t block = 0; block < blocks; ++block) {
      for (int32_t thread = 0; thread < ensemble::kThreads; ++thread) {
        body(block, model, thread);
      }
    }
  }
}

void class_planes(const PlanesCall& call) {
  const ensemble::PlanesParams& params = call.params;
  *params.invalid = 0;
  ensemble::with_score_type(params.type, [&](auto score) {
    emulate(params.samples, params.models, [&](int64_t block, int32_t model, int32_t thread) {
      ensemble::planes_body<decltype(score)>(params, block, model, thread);
    });
  });
}

void greedy_scores(const GreedyCall& call) {
  const ensemble::GreedyParams& params = call.params;
  std::memset(params.score, 0, sizeof(int64_t) * params.models);
  emulate(params.samples, params.models, [&](int64_t block, int32_t model, int32_t thread) {
    ensemble::greedy_body(params, block, model, thread);
  });
}

void bootstrap(const BootstrapCall& call) {
  const ensemble::BootstrapParams& params = call.params;
  std::memset(params.counts, 0, sizeof(int64_t) * params.replicates * params.rules);
  for (int32_t rule = 0; rule < params.rules; rule += ensemble::kRulesAThread) {
    emulate(ensemble::bootstrap_threads(params), params.replicates,
            [&](int64_t block, int32_t replicate, int32_t thread) {
              ensemble::bootstrap_body(params, block * ensemble::kThreads + thread, replicate,
                                       rule);
            });
  }
}

}  // namespace
}  // namespace warpmix::emulated

STABLE_TORCH_LIBRARY_IMPL(warpmix, CPU, library) {
  using namespace warpmix;
  library.impl("vote_emulated", boxed<check_vote, emulated::vote>());
  library.impl("vote_curve_emulated", boxed<check_vote_curve, emulated::vote>());
  library.impl("class_planes_emulated", boxed<check_class_planes, emulated::class_planes>());
  library.impl("greedy_scores_emulated", boxed<check_greedy_scores, emulated::greedy_scores>());
  library.impl("bootstrap_emulated", boxed<check_bootstrap, emulated::bootstrap>());
}
