// The CUDA operators, with their kernels' PTX run on the host (runtime.cpp). The program to load
// and the file to write counts to are given in the environment.
#include "backend.h"

#include <torch/csrc/stable/tensor.h>

#include <cstdio>
#include <cstdlib>

#include "runtime.h"

namespace {

void note(stand_in::Memory what, const void* memory, size_t bytes) {
  switch (what) {
    case stand_in::Memory::kMade:
      return ptx::add_memory(memory, bytes, false);
    case stand_in::Memory::kFilled:
      return ptx::define_memory(memory, bytes);
    case stand_in::Memory::kGone:
      return ptx::drop_memory(memory);
  }
}

// A variant is how many elements stand before a tensor's: nothing is aligned by accident.
void vary(int variant) {
  stand_in::tensors_are_cuda = true;
  stand_in::note_memory = note;
  stand_in::storage_offset = variant;
  ptx::load_program(std::getenv("WARPMIX_PTX_PROGRAM"));
}

bool report(bool) {
  std::printf("%u launches, %llu wrong accesses\n", ptx::launches(),
              static_cast<unsigned long long>(ptx::reports()));
  if (const char* path = std::getenv("WARPMIX_PTX_COUNTS")) {
    ptx::write_counts(path);
  }
  return ptx::reports() == 0 && ptx::launches() > 0;
}

}  // namespace

const device::Backend* device_backend() {
  static const device::Backend backend = {vary, [](uint32_t) {}, report};
  return &backend;
}
