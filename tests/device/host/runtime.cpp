#include "runtime.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "backend.h"
#include "fiber.h"
#include "torch/csrc/stable/tensor.h"

namespace host_cuda {
namespace {

// ---- what is varied -----------------------------------------------------------------------------

// Whatever a GPU might do, so that a result that depends on it differs from the case's.
struct Variation {
  bool backwards = false;       // the order of the fibers
  bool lanes_apart = false;     // __activemask finds each lane alone, not all that come
  bool copies_at_once = false;  // asynchronous copies happen when started, not when waited for
} variation;

// A test of the tests: the barrier that is left out, as "file:line:time", where time counts how
// often a thread has come there in its block. WITHOUT_BARRIER in the environment names it.
const char* const left_out = std::getenv("WITHOUT_BARRIER");
uint32_t running_case;
// By place, for each time that a thread comes there, the first case in which one does.
std::map<std::pair<const char*, int>, std::vector<uint32_t>> barriers;

constexpr int kBlocksInFlight = 2;
constexpr size_t kStaticSharedLimit = 48 << 10;

// ---- what threads wait for ----------------------------------------------------------------------

// Threads that come together; kept until the last of them has gone on.
struct Meeting {
  const char* operation;
  Site site;
  unsigned mask = 0;     // lanes that must come, of a warp
  unsigned here = 0;     // lanes that have come, or how many threads of a block
  unsigned leaving = 0;  // how many have not gone on
  bool is_over = false;
  Handed handed = {};
};

bool is_at(const Meeting& meeting, Site site) {
  return meeting.site.line == site.line && std::strcmp(meeting.site.file, site.file) == 0;
}

struct Warp {
  unsigned alive;
  std::vector<Meeting*> open;
  std::vector<Meeting*> active;  // of lanes in __activemask
};

using SharedVariable = std::unique_ptr<void, void (*)(void*)>;

struct Block {
  unsigned alive;
  Meeting* barrier = nullptr;
  std::vector<Warp> warps;
  std::map<const void*, SharedVariable> shared;
  size_t shared_size = 0;
};

struct Copy {
  void* to;
  const void* from;
  size_t size;
};

struct Thread : Fiber {
  Block* block;
  Coordinates at;
  unsigned number;                                   // in its block
  std::map<std::pair<const char*, int>, int> times;  // at each barrier of this block
  const Meeting* waits_for = nullptr;
  std::vector<Copy> copies;
  std::deque<std::vector<Copy>> groups;
};

// ---- one launch ---------------------------------------------------------------------------------

struct Grid {
  Configuration configuration;
  const std::function<void()>* body;
  long long blocks_in_grid;
  unsigned block_threads;
  std::map<long long, Block> blocks;
  std::vector<Thread> threads;
  // Warps with lanes in __activemask, one entry a meeting.
  std::deque<Warp*> active;
  bool trapped = false;
  char begin, end;  // what ThreadSanitizer orders the launch by
};

Grid* grid = nullptr;
Thread* current = nullptr;
Fiber main_fiber;

bool can_run(const Thread& thread) {
  return !thread.is_done &&
         (grid->trapped || thread.waits_for == nullptr || thread.waits_for->is_over);
}

void describe_waiting() {
  std::set<std::string> told;
  for (const Thread& thread : grid->threads) {
    if (!thread.is_done && thread.waits_for != nullptr) {
      const Meeting& meeting = *thread.waits_for;
      const std::string text = std::string(meeting.operation) + " at " + meeting.site.file + ":" +
                               std::to_string(meeting.site.line);
      if (told.insert(text).second) {
        std::fprintf(stderr, "    thread %u of block (%u, %u, %u) waits in %s\n", thread.number,
                     thread.at.block.x, thread.at.block.y, thread.at.block.z, text.c_str());
      }
    }
  }
}

// Lets the lanes that are in one __activemask go on together; false where there are none.
bool release_active_lanes() {
  if (grid->active.empty()) {
    return false;
  }
  Warp& warp = *grid->active.front();
  grid->active.pop_front();
  warp.active.front()->is_over = true;
  warp.active.erase(warp.active.begin());
  return true;
}

// Goes on with the next thread that can run, in the order of the variation.
void run_another() {
  const size_t count = grid->threads.size();
  const size_t step = variation.backwards ? count - 1 : 1;
  do {
    size_t i = current - grid->threads.data();
    for (size_t k = 0; k < count; ++k) {
      i = (i + step) % count;
      Thread& next = grid->threads[i];
      if (can_run(next)) {
        if (&next != current) {
          Thread& self = *current;
          current = &next;
          switch_fibers(self, next);
        }
        return;
      }
    }
  } while (release_active_lanes());
  const bool all_done = std::all_of(grid->threads.begin(), grid->threads.end(),
                                    [](const Thread& thread) { return thread.is_done; });
  if (!all_done) {
    stop("deadlock: no thread can run", {"", 0});
  }
  switch_fibers(*current, main_fiber);
}

bool is_left_out(Site site) {
  const Unrecorded own_memory;
  const int time = current->times[{site.file, site.line}]++;
  std::vector<uint32_t>& cases = barriers[{site.file, site.line}];
  if (cases.size() == static_cast<size_t>(time)) {
    cases.push_back(running_case);
  }
  return left_out != nullptr && left_out == std::string(site.file) + ":" +
                                                std::to_string(site.line) + ":" +
                                                std::to_string(time);
}

// The end of a fiber, which does not return.
void finish() {
  release_order(&grid->end);
  current->is_done = true;
  run_another();
}

void wait_for(Meeting* meeting, bool orders) {
  if (orders) {
    release_order(meeting);
  }
  current->waits_for = meeting;
  run_another();
  if (grid->trapped) {
    finish();
  }
  current->waits_for = nullptr;
  if (orders) {
    acquire_order(meeting);
  }
}

Meeting* open_meeting(const char* operation, Site site, unsigned mask = 0) {
  const Unrecorded own_memory;
  return new Meeting{operation, site, mask};
}

void leave(Meeting* meeting) {
  const Unrecorded own_memory;
  if (--meeting->leaving == 0) {
    delete meeting;
  }
}

// ---- the life of a thread -----------------------------------------------------------------------

void enter_block(Thread& thread, long long number) {
  const Unrecorded own_memory;
  auto [place, is_new] = grid->blocks.try_emplace(number);
  Block& block = place->second;
  if (is_new) {
    block.alive = grid->block_threads;
    for (unsigned first = 0; first < block.alive; first += 32) {
      const unsigned lanes = std::min(32u, block.alive - first);
      block.warps.push_back({lanes == 32 ? ~0u : (1u << lanes) - 1, {}, {}});
      block.warps.back().open.reserve(32);
      block.warps.back().active.reserve(32);
    }
  }
  const dim3 size = grid->configuration.block;
  const dim3 blocks = grid->configuration.grid;
  thread.block = &block;
  thread.times.clear();
  thread.at.thread = {thread.number % size.x, thread.number / size.x % size.y,
                      thread.number / size.x / size.y};
  thread.at.block = {static_cast<unsigned>(number % blocks.x),
                     static_cast<unsigned>(number / blocks.x % blocks.y),
                     static_cast<unsigned>(number / blocks.x / blocks.y)};
  thread.at.block_size = size;
  thread.at.grid_size = blocks;
}

// Barriers do not wait for threads that have ended; lanes that are named in a mask must come.
void end_thread(Thread& thread) {
  if (!thread.copies.empty() || !thread.groups.empty()) {
    stop("a thread ends before it has waited for its copies", {"", 0});
  }
  Block& block = *thread.block;
  Warp& warp = block.warps[thread.number / 32];
  warp.alive &= ~(1u << lane());
  for (const Meeting* meeting : warp.open) {
    if (meeting->mask >> lane() & 1) {
      stop("a warp's function waits for lanes that have ended", meeting->site);
    }
  }
  block.alive -= 1;
  if (block.barrier && block.barrier->here == block.alive) {
    block.barrier->is_over = true;
    block.barrier = nullptr;
  }
}

// Thread t of blocks first, first + kBlocksInFlight, …: blocks are not ordered by who runs them.
void run_thread() {
  Thread& self = *current;
  acquire_order(&grid->begin);
  const long long slots = static_cast<long long>(grid->threads.size()) / grid->block_threads;
  const long long slot = (&self - grid->threads.data()) / grid->block_threads;
  for (long long number = slot; number < grid->blocks_in_grid && !grid->trapped; number += slots) {
    enter_block(self, number);
    (*grid->body)();
    end_thread(self);
  }
  finish();
}

void check(const Configuration& configuration) {
  const dim3 g = configuration.grid;
  const dim3 b = configuration.block;
  const bool fits = g.x >= 1 && g.x <= 2147483647u && g.y >= 1 && g.y <= 65535 && g.z >= 1 &&
                    g.z <= 65535 && b.x >= 1 && b.y >= 1 && b.z >= 1 && b.z <= 64 &&
                    size_t{b.x} * b.y * b.z <= 1024 &&
                    configuration.dynamic_shared <= kStaticSharedLimit;
  if (!fits) {
    stop("a launch with a grid, a block or shared memory that no GPU takes", {"", 0});
  }
}

std::set<const void*> launched_kernels;
long long launches = 0, blocks_run = 0, threads_run = 0;

}  // namespace

// ---- launches -----------------------------------------------------------------------------------

void run_grid(const void* kernel, const Configuration& configuration,
              const std::function<void()>& thread) {
  launched_kernels.insert(kernel);
  check(configuration);
  Grid launched;
  launched.configuration = configuration;
  launched.body = &thread;
  const dim3 g = configuration.grid;
  const dim3 b = configuration.block;
  launched.blocks_in_grid = static_cast<long long>(g.x) * g.y * g.z;
  launched.block_threads = b.x * b.y * b.z;
  const long long slots = std::min<long long>(kBlocksInFlight, launched.blocks_in_grid);
  launched.threads.resize(slots * launched.block_threads);
  launches += 1;
  blocks_run += launched.blocks_in_grid;
  threads_run += launched.blocks_in_grid * launched.block_threads;
  grid = &launched;
  become_fiber(main_fiber);
  for (size_t i = 0; i < launched.threads.size(); ++i) {
    launched.threads[i].number = static_cast<unsigned>(i % launched.block_threads);
    make_fiber(launched.threads[i], i, run_thread);
  }
  current = variation.backwards ? &launched.threads.back() : &launched.threads.front();
  release_order(&launched.begin);
  switch_fibers(main_fiber, *current);
  acquire_order(&launched.end);
  current = nullptr;
  grid = nullptr;
  if (launched.trapped) {
    abandon_fibers();
    throw Trapped();
  }
}

void trap() {
  grid->trapped = true;
  finish();
  std::abort();
}

const Coordinates& coordinates() { return current->at; }

unsigned lane() { return current->number % 32; }

void stop(const char* what, Site site) {
  std::fprintf(stderr, "HOST CUDA: %s", what);
  if (site.line > 0) {
    std::fprintf(stderr, ", at %s:%d", site.file, site.line);
  }
  if (current) {
    std::fprintf(stderr, ", thread %u of block (%u, %u, %u)\n", current->number,
                 current->at.block.x, current->at.block.y, current->at.block.z);
    describe_waiting();
  }
  std::fprintf(stderr, "\n");
  std::fflush(stderr);
  std::abort();
}

// ---- memory of a block --------------------------------------------------------------------------

void* shared_variable(const void* key, size_t size, size_t alignment) {
  Block& block = *current->block;
  auto found = block.shared.find(key);
  if (found == block.shared.end()) {
    block.shared_size += size;
    if (block.shared_size > kStaticSharedLimit) {
      stop("more than 48 KiB of shared memory", {"", 0});
    }
    const Unrecorded own_memory;
    void* memory = nullptr;
    if (posix_memalign(&memory, std::max<size_t>(alignment, 16), size) != 0) {
      stop("no memory for shared variables", {"", 0});
    }
    for (size_t i = 0; i < size; ++i) {  // volatile: memset would be the thread's write
      static_cast<volatile char*>(memory)[i] = static_cast<char>(stand_in::poison);
    }
    found = block.shared.emplace(key, SharedVariable(memory, std::free)).first;
  }
  return found->second.get();
}

void* dynamic_shared_memory() {
  static const char key = 0;
  return shared_variable(&key, grid->configuration.dynamic_shared, 16);
}

// ---- waiting ------------------------------------------------------------------------------------

void block_barrier(Site site) {
  if (is_left_out(site)) {
    return;
  }
  Block& block = *current->block;
  if (block.barrier == nullptr) {
    block.barrier = open_meeting("__syncthreads", site);
  }
  Meeting* meeting = block.barrier;
  if (!is_at(*meeting, site)) {
    stop("a divergent barrier: threads of a block are in two", site);
  }
  meeting->here += 1;
  meeting->leaving += 1;
  if (meeting->here == block.alive) {
    meeting->is_over = true;
    block.barrier = nullptr;
  }
  wait_for(meeting, true);
  leave(meeting);
}

Handed gather(const char* operation, unsigned mask, uint64_t value, bool orders, Site site) {
  if (orders && is_left_out(site)) {
    return {};
  }
  Warp& warp = current->block->warps[current->number / 32];
  const unsigned bit = 1u << lane();
  if ((mask & bit) == 0) {
    stop("a thread calls a warp's function with a mask that leaves it out", site);
  }
  if ((mask & ~warp.alive) != 0) {
    stop("the mask of a warp's function names lanes that have ended, or never were", site);
  }
  auto found = std::find_if(warp.open.begin(), warp.open.end(),
                            [&](const Meeting* other) { return (other->mask & mask) != 0; });
  if (found == warp.open.end()) {
    found = warp.open.insert(found, open_meeting(operation, site, mask));
  }
  Meeting* meeting = *found;
  if (meeting->mask != mask || !is_at(*meeting, site) ||
      std::strcmp(meeting->operation, operation) != 0) {
    stop("divergent lanes: a warp's functions at two places, or with two masks", site);
  }
  meeting->here |= bit;
  meeting->leaving += 1;
  meeting->handed.value[lane()] = value;
  if (meeting->here == mask) {
    meeting->is_over = true;
    warp.open.erase(found);
  }
  wait_for(meeting, orders);
  const Handed handed = meeting->handed;
  leave(meeting);
  return handed;
}

unsigned active_lanes(Site site) {
  const unsigned bit = 1u << lane();
  if (variation.lanes_apart) {
    return bit;
  }
  Warp& warp = current->block->warps[current->number / 32];
  auto found = std::find_if(warp.active.begin(), warp.active.end(),
                            [&](const Meeting* other) { return is_at(*other, site); });
  if (found == warp.active.end()) {
    found = warp.active.insert(found, open_meeting("__activemask", site));
    const Unrecorded own_memory;
    grid->active.push_back(&warp);
  }
  Meeting* meeting = *found;
  meeting->here |= bit;
  meeting->leaving += 1;
  wait_for(meeting, false);
  const unsigned lanes = meeting->here;
  leave(meeting);
  return lanes;
}

// ---- copies in the background -------------------------------------------------------------------

void start_copy(void* to, const void* from, size_t size, Site site) {
  if (size != 4 && size != 8 && size != 16) {
    stop("an asynchronous copy of other than 4, 8 or 16 bytes", site);
  }
  if (reinterpret_cast<uintptr_t>(to) % size != 0 ||
      reinterpret_cast<uintptr_t>(from) % size != 0) {
    stop("an asynchronous copy that is not aligned", site);
  }
  if (variation.copies_at_once) {
    std::memcpy(to, from, size);
    return;
  }
  const Unrecorded own_memory;
  current->copies.push_back({to, from, size});
}

void commit_copies() {
  const Unrecorded own_memory;
  current->groups.push_back(std::move(current->copies));
  current->copies.clear();
}

void wait_for_copies(size_t pending) {
  while (current->groups.size() > pending) {
    for (const Copy& copy : current->groups.front()) {
      std::memcpy(copy.to, copy.from, copy.size);
    }
    const Unrecorded own_memory;
    current->groups.pop_front();
  }
}

namespace {

void vary(int variant) {
  variation.backwards = variant % 2 == 1;
  variation.lanes_apart = variation.copies_at_once = variant % 2 == 1;
  stand_in::storage_offset = variant;
  stand_in::poison = variant % 2 == 1 ? 0x5A : 0xA5;
  stand_in::tensors_are_cuda = true;
}

void begin(uint32_t number) { running_case = number; }

bool report(bool) {
  std::printf("%lld launches, %lld blocks, %lld threads\n", launches, blocks_run, threads_run);
  for (const auto& [place, cases] : barriers) {
    for (size_t time = 0; time < cases.size(); ++time) {
      std::printf("barrier %s:%d:%zu %u\n", place.first, place.second, time, cases[time]);
    }
  }
  for (const void* kernel : launched_kernels) {  // as its place in the library
    Dl_info library;
    dladdr(kernel, &library);
    std::printf("launched %lx\n",
                static_cast<const char*>(kernel) - static_cast<const char*>(library.dli_fbase));
  }
  return true;
}

}  // namespace
}  // namespace host_cuda

const device::Backend* device_backend() {
  static const device::Backend backend = {host_cuda::vary, host_cuda::begin, host_cuda::report};
  return &backend;
}
