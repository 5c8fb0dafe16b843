// What runs CUDA threads on the host: a fiber each, of one thread of the operating system.
//
// A fiber runs until it waits, so that what others do between two barriers happens wholly before or
// wholly after it; the order in which they run is varied. runtime.cpp is compiled without
// sanitizers, and tells them of the fibers: to ThreadSanitizer each is a thread, whose accesses are
// ordered by block barriers and __syncwarp alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace host_cuda {

// ---- where a thread is --------------------------------------------------------------------------

// A line of the kernels: the default argument of a function is that of its caller.
struct Site {
  const char* file;
  int line;
  static constexpr Site here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

struct Coordinates {
  uint3 thread, block;
  dim3 block_size, grid_size;
};

const Coordinates& coordinates();
unsigned lane();

// Ends the program with what is wrong and where the thread is.
[[noreturn]] void stop(const char* what, Site site = Site::here());

// ---- launches -----------------------------------------------------------------------------------

struct Configuration {
  dim3 grid, block;
  size_t dynamic_shared;
};

// Thrown by a launch in which a thread has called __trap().
struct Trapped : std::runtime_error {
  Trapped() : std::runtime_error("a kernel has stopped itself (__trap)") {}
};

void run_grid(const void* kernel, const Configuration& configuration,
              const std::function<void()>& thread);

[[noreturn]] void trap();

// ---- memory of a block --------------------------------------------------------------------------

// The block's variable of this key: fresh, of exactly its size, and poisoned.
void* shared_variable(const void* key, size_t size, size_t alignment);
void* dynamic_shared_memory();

// ---- waiting ------------------------------------------------------------------------------------

// Waits for every thread of the block that has not ended.
void block_barrier(Site site);

// What the lanes of a mask have handed in once all of them are here.
struct Handed {
  uint64_t value[32];
};

// Waits for the lanes of `mask`, which must all come to the same place. `orders`: their accesses
// before it come before those after it, as with __syncwarp and with no other of these functions.
Handed gather(const char* operation, unsigned mask, uint64_t value, bool orders, Site site);

// The lanes that happen to be here: any that a GPU might find together.
unsigned active_lanes(Site site);

// ---- copies in the background -------------------------------------------------------------------

void start_copy(void* to, const void* from, size_t size, Site site);
void commit_copies();
// Waits until at most `pending` of the committed groups are on their way.
void wait_for_copies(size_t pending);

}  // namespace host_cuda
