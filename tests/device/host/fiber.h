// Fibers, which the sanitizers are told of.
#pragma once

#include <sys/mman.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdlib>
#include <vector>

#if defined(WITH_ADDRESS)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(WITH_THREAD)
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif

namespace host_cuda {

constexpr size_t kStackSize = 256 << 10;

struct Fiber {
  ucontext_t context;
  const void* stack = nullptr;  // its lowest byte
  size_t stack_size = 0;
  bool is_done = false;
  void* fake_stack = nullptr;  // AddressSanitizer's
  void* tsan = nullptr;        // ThreadSanitizer's
  void (*entry)() = nullptr;
};

// After a switch, on the new stack. `came_from` learns its bounds where it does not know them.
inline void after_switch(Fiber& self, [[maybe_unused]] Fiber* came_from) {
#if defined(WITH_ADDRESS)
  const void* bottom;
  size_t size;
  __sanitizer_finish_switch_fiber(self.fake_stack, &bottom, &size);
  if (came_from && came_from->stack == nullptr) {
    came_from->stack = bottom;
    came_from->stack_size = size;
  }
#endif
}

inline Fiber* switched_from = nullptr;
inline Fiber* switched_to = nullptr;

inline void switch_fibers(Fiber& from, Fiber& to) {
  switched_from = &from;
  switched_to = &to;
#if defined(WITH_THREAD)
  __tsan_switch_to_fiber(to.tsan, __tsan_switch_to_fiber_no_sync);
#elif defined(WITH_ADDRESS)
  __sanitizer_start_switch_fiber(from.is_done ? nullptr : &from.fake_stack, to.stack,
                                 to.stack_size);
#endif
  swapcontext(&from.context, &to.context);
  after_switch(from, switched_from);
}

// The fiber that calls: that of the program.
inline void become_fiber([[maybe_unused]] Fiber& fiber) {
#if defined(WITH_THREAD)
  fiber.tsan = __tsan_get_current_fiber();
#endif
}

// Stacks, and the threads that ThreadSanitizer takes fibers for, serve every launch: to make one
// takes it longer than a launch.
struct Place {
  void* stack;
  void* tsan;
};
inline std::vector<Place> places;

// A fiber that will call `entry`, which must not return, at the place of this number.
inline void make_fiber(Fiber& fiber, size_t number, void (*entry)()) {
  while (places.size() <= number) {
    places.push_back({mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
                      nullptr});
  }
  Place& place = places[number];
  fiber.stack = place.stack;
  fiber.stack_size = kStackSize;
  fiber.entry = entry;
#if defined(WITH_ADDRESS)
  __asan_unpoison_memory_region(place.stack, kStackSize);  // of a fiber that a trap has left
#elif defined(WITH_THREAD)
  if (place.tsan == nullptr) {
    place.tsan = __tsan_create_fiber(0);
  }
  fiber.tsan = place.tsan;
#endif
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = place.stack;
  fiber.context.uc_stack.ss_size = kStackSize;
  fiber.context.uc_link = nullptr;
  makecontext(
      &fiber.context,
      +[] {
        after_switch(*switched_to, switched_from);
        switched_to->entry();
      },
      0);
  // AddressSanitizer takes every byte of a context's stack for accessible when it is switched to,
  // and needs half of all time for it; it is told of the switches better (switch_fibers).
  fiber.context.uc_stack.ss_size = 0;
}

// After a trap: ThreadSanitizer would keep the functions that fibers were in.
inline void abandon_fibers() {
#if defined(WITH_THREAD)
  for (Place& place : places) {
    if (place.tsan != nullptr) {
      __tsan_destroy_fiber(place.tsan);
      place.tsan = nullptr;
    }
  }
#endif
}

// What comes before a release comes before what comes after its acquire, to ThreadSanitizer.
inline void release_order([[maybe_unused]] void* by) {
#if defined(WITH_THREAD)
  __tsan_release(by);
#endif
}

inline void acquire_order([[maybe_unused]] void* by) {
#if defined(WITH_THREAD)
  __tsan_acquire(by);
#endif
}

// While it lives, ThreadSanitizer does not take an allocation for this thread's write.
struct Unrecorded {
#if defined(WITH_THREAD)
  Unrecorded() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~Unrecorded() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  Unrecorded() {}
#endif
};

}  // namespace host_cuda
