// The kernels' own guards, as the GPU's side of the headers has them: a warp is one thread here,
// and a trap is an exception. What would be read outside of a tensor lies outside of its vector, so
// that the address sanitizer sees a guard that comes too late.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

struct Trap {};
struct {
  unsigned x = 0;
} threadIdx;

[[noreturn]] void __trap() { throw Trap{}; }
unsigned __activemask() { return 1; }
unsigned __ballot_sync(unsigned, bool flag) { return flag; }
int __ffs(unsigned mask) { return mask != 0 ? 1 : 0; }
int __popc(unsigned mask) { return static_cast<int>(mask); }
void atomicAdd(unsigned long long* counter, unsigned long long amount) { *counter += amount; }
template <typename Value>
Value __shfl_down_sync(unsigned, Value, int) {
  return 0;
}
template <typename Value>
Value __ldg(const Value* value) {
  return *value;
}
double __hiloint2double(int high, int low) {
  const uint64_t bits = uint64_t{static_cast<uint32_t>(high)} << 32 | static_cast<uint32_t>(low);
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
int half_of(double value, int half) {  // 0: the low one
  int halves[2];
  std::memcpy(halves, &value, sizeof halves);
  return halves[half];
}
int __double2loint(double value) { return half_of(value, 0); }
int __double2hiint(double value) { return half_of(value, 1); }
struct uint4 {
  unsigned x, y, z, w;
};
uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

}  // namespace

#define __CUDA_ARCH__ 900
#include "augment/random.h"
#include "ensemble/gpu/vote.h"
#include "ensemble/gpu/vote_tile.h"

using namespace warpmix;

namespace {

int failures = 0;

template <typename Function>
void expect(const char* what, bool trap, const Function& function) {
  bool trapped = false;
  try {
    function();
  } catch (const Trap&) {
    trapped = true;
  }
  if (trapped != trap) {
    std::printf("%s: %s\n", what, trapped ? "trapped" : "went on");
    ++failures;
  }
}

constexpr int64_t kFar = int64_t{1} << 32;  // 0 where it is cut to 32 bits

void check_rows() {
  std::vector<int64_t> index = {0, 3, 2};
  augment::AugmentParams params = {};
  params.index = index.data();
  params.batch_size = 3;
  params.image_count = 4;
  for (const int64_t row : {int64_t{-1}, int64_t{4}, kFar, kFar + 1, -kFar, int64_t{3}}) {
    index[1] = row;
    expect("a row", row != 3, [&] { augment::batch_sample(params, 1); });
  }
  for (const bool from_batch : {false, true}) {
    params.from_batch = from_batch;
    const int32_t pool = from_batch ? params.batch_size : params.image_count;
    for (const int32_t partner : {-1, pool, 1 << 30, pool - 1}) {
      expect("a partner", partner != pool - 1, [&] { augment::partner_sample(params, partner); });
    }
  }
  params.from_batch = true;  // its partner's row is looked at too
  index[2] = 4;
  expect("a partner's row", true, [&] { augment::partner_sample(params, 2); });
}

void check_votes(int32_t classes) {
  constexpr int kModels = 3;
  std::vector<float> predictions(kModels * classes, 1.0f / static_cast<float>(classes));
  std::vector<int64_t> ranking = {0, 1, 2}, target = {1}, soft(kModels), hard(kModels), invalid(1);
  std::vector<float> score(classes);
  std::vector<double> sum(classes), votes(classes);
  ensemble::VoteParams params = {};
  params.predictions = predictions.data();
  params.soft = params.hard = true;
  params.classes = classes;
  params.models = params.size = kModels;
  params.samples = 1;
  params.ranking = ranking.data();
  params.targets = target.data();
  params.soft_correct = soft.data();
  params.hard_correct = hard.data();
  params.invalid = invalid.data();
  params.score_workspace = score.data();
  params.sum_workspace = sum.data();
  params.vote_workspace = votes.data();
  const auto run = [&] {
    if (classes > ensemble::kRegisterClasses) {
      return ensemble::vote_body<float>(params, 0, 0);
    }
    static ensemble::TileShared shared;
    for (int32_t thread = 0; thread < ensemble::kTileThreads; thread += ensemble::kTile) {
      ensemble::TileThread<float, 0>(params, shared, 0, thread);
    }
  };
  expect("a vote", false, run);
  for (const int64_t model : {int64_t{-1}, int64_t{kModels}, kFar, -kFar}) {
    ranking[1] = model;
    expect("a model", true, run);
  }
  ranking[1] = 1;
  for (const int64_t own : {int64_t{-1}, int64_t{classes}, kFar, -kFar}) {
    target[0] = own;
    expect("a class", true, run);
  }
}

}  // namespace

int main() {
  check_rows();
  check_votes(10);
  check_votes(20);
  return failures == 0 ? 0 : 1;
}
