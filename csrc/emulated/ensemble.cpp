// The GPU's kernel bodies of the ensemble ops, run on the host thread by thread.
#include "../ensemble.h"

#include <cstring>
#include <limits>
#include <vector>

#include "../boxed.h"
#include "ensemble/bootstrap.h"
#include "ensemble/gpu/selection.h"
#include "ensemble/gpu/vote.h"
#include "ensemble/gpu/vote_tile.h"

namespace warpmix::emulated {
namespace {

template <typename Score, int kClasses>
void emulate_tiles(const ensemble::VoteParams& params) {
  const int64_t tiles = ensemble::sample_tiles(params.samples);
  for (int64_t tile = 0; tile < tiles; ++tile) {
    ensemble::TileShared shared;
    std::memset(static_cast<void*>(&shared), 0xA5, sizeof shared);  // as undefined as a GPU's
    std::vector<ensemble::TileThread<Score, kClasses>> threads;
    for (int32_t thread = 0; thread < ensemble::kTileThreads; ++thread) {
      threads.emplace_back(params, shared, tile, thread);
    }
    for (int32_t step = 0; step < ensemble::tile_steps(params); ++step) {
      for (auto& thread : threads) {
        thread.place(step);
      }
      for (auto& thread : threads) {
        thread.work(step);
      }
    }
    for (auto& thread : threads) {
      thread.finish();
    }
    for (auto& thread : threads) {
      thread.write();
    }
  }
}

template <typename Score>
void emulate_samples(const ensemble::VoteParams& call) {
  ensemble::VoteParams params = call;
  const size_t elements = static_cast<size_t>(params.samples) * params.classes;
  // Nothing clears a GPU's memory before either.
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  std::vector<float> score(elements);
  std::vector<double> sum(elements, kUnknown), votes(elements, kUnknown);
  params.score_workspace = score.data();
  params.sum_workspace = sum.data();
  params.vote_workspace = votes.data();
  for (int64_t block = 0; block < ensemble::vote_blocks(params); ++block) {
    for (int32_t thread = 0; thread < ensemble::kVoteThreads; ++thread) {
      ensemble::vote_body<Score>(params, block, thread);
    }
  }
}

void vote(const VoteCall& call) {
  const ensemble::VoteParams& params = call.params;
  *params.invalid = 0;
  if (params.soft_correct) {
    std::memset(params.soft_correct, 0, sizeof(int64_t) * params.size);
    std::memset(params.hard_correct, 0, sizeof(int64_t) * params.size);
  }
  ensemble::with_score_type(params.type, [&](auto score) {
    using Score = decltype(score);
    if (params.classes > ensemble::kRegisterClasses) {
      emulate_samples<Score>(params);
    } else {
      (params.classes == 10 ? emulate_tiles<Score, 10> : emulate_tiles<Score, 0>)(params);
    }
  });
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
    using Score = decltype(score);
    if (params.classes > ensemble::kRegisterClasses) {
      return emulate(params.samples, params.models, [&](int64_t block, int32_t model, int32_t t) {
        ensemble::planes_body<Score>(params, block, model, t);
      });
    }
    ensemble::PlanesShared shared;
    emulate(params.samples, params.models, [&](int64_t block, int32_t model, int32_t thread) {
      for (int32_t t = 0; thread == 0 && t < ensemble::kThreads; ++t) {  // up to the barrier
        ensemble::place_planes<Score>(params, block, model, t, shared);
      }
      ensemble::write_planes(params, block, model, thread, shared);
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
