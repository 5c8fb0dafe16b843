// The part of the CUDA runtime that nvcc's objects and csrc/cuda call, for kernels that run as PTX
// on the host. nvcc's own host code registers and launches them: nothing here knows their
// signatures.
#include "runtime.h"

#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>

#include "instructions.h"

namespace ptx {
namespace {

std::map<std::string, std::unique_ptr<Kernel>> kernels;  // by mangled name
std::map<const void*, std::string>& names() {            // by the host's function
  static std::map<const void*, std::string> found;
  return found;
}

int32_t number_or_none(const std::string& text) {
  return text == "none" ? kNone : static_cast<int32_t>(std::stol(text));
}

Instruction read_instruction(std::istream& in) {
  Instruction i;
  std::string guard, target;
  int operands = 0;
  in >> i.opcode >> i.line >> guard >> target >> i.offset >> operands;
  i.guard = number_or_none(guard);
  i.target = number_or_none(target);
  if (operands > kOperands) {
    throw std::runtime_error("too many operands for the machine: " + i.opcode);
  }
  for (int k = 0; k < operands; ++k) {
    in >> i.operand[k];
  }
  i.operands = operands;
  i.operation = operation_of(i.opcode);
  i.timing = timing_of(i.opcode);
  return i;
}

struct Configuration {
  dim3 grid, block;
  size_t shared;
  void* stream;
};

std::vector<Configuration> configurations;
uint32_t launch_count = 0;

// `arguments` are their addresses, in order.
void launch(Kernel& kernel, dim3 grid, dim3 block, void** arguments, size_t shared) {
  std::vector<uint64_t> parameters(kernel.parameter_bytes / 8 + 1);
  auto* bytes = reinterpret_cast<char*>(parameters.data());
  for (const Preset& preset : kernel.presets) {
    if (preset.kind == 'a') {
      std::memcpy(bytes + preset.register_number, *arguments++, std::stoul(preset.value));
    }
  }
  ++launch_count;
  run_launch(kernel, {kernel,
                      {grid.x, grid.y, grid.z},
                      {block.x, block.y, block.z},
                      bytes,
                      static_cast<uint32_t>(shared)});
}

}  // namespace

void load_program(const std::string& path) {
  std::ifstream in(path);
  std::string word;
  while (in >> word) {
    auto kernel = std::make_unique<Kernel>();
    size_t presets = 0;
    size_t code = 0;
    in >> kernel->name >> kernel->registers >> kernel->parameter_bytes >> kernel->shared_bytes >>
        presets >> code;
    for (size_t i = 0; i < presets; ++i) {
      Preset preset;
      in >> preset.kind >> preset.register_number >> preset.value;
      kernel->presets.push_back(preset);
    }
    for (size_t i = 0; i < code; ++i) {
      try {
        kernel->code.push_back(read_instruction(in));
        kernel->code.back().place = static_cast<int32_t>(i);
      } catch (const std::exception& error) {
        throw std::runtime_error(kernel->name + ": " + error.what());
      }
    }
    if (std::getenv("WARPMIX_PTX_COUNTS") != nullptr) {
      std::vector<Instruction> scheduled;
      for (const int32_t place : schedule(kernel->code)) {
        scheduled.push_back(kernel->code[place]);
      }
      kernel->code = std::move(scheduled);
    }
    kernels[kernel->name] = std::move(kernel);
  }
}

void write_counts(const std::string& path) {
  std::ofstream out(path);
  for (const auto& [name, kernel] : kernels) {
    if (kernel->blocks == 0) {
      continue;
    }
    out << "kernel " << name << " " << kernel->blocks << " " << kernel->warps << " "
        << kernel->block_cycles << " " << kernel->code.size() << "\n";
    std::vector<const Instruction*> as_written(kernel->code.size());
    for (const Instruction& i : kernel->code) {
      as_written[i.place] = &i;
    }
    for (const Instruction* each : as_written) {
      const Instruction& i = *each;
      out << i.counts.issued << " " << i.counts.lanes << " " << i.counts.sectors << " "
          << i.counts.lines << " " << i.counts.fresh << " " << i.counts.cycles << "\n";
    }
  }
}

uint32_t launches() { return launch_count; }

}  // namespace ptx

extern "C" {

void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}

void __cudaRegisterFunction(void**, const char* host, char*, const char* device, int, uint3*,
                            uint3*, dim3*, dim3*, int*) {
  ptx::names()[host] = device;
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, struct CUstream_st* s) {
  ptx::configurations.push_back({grid, block, shared, s});
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
  const ptx::Configuration& last = ptx::configurations.back();
  *grid = last.grid, *block = last.block, *shared = last.shared;
  *static_cast<void**>(stream) = last.stream;
  ptx::configurations.pop_back();
  return cudaSuccess;
}

cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host) {
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(host));
  return cudaSuccess;
}

cudaError_t cudaLaunchKernel(const void* host, dim3 grid, dim3 block, void** arguments,
                             size_t shared, cudaStream_t) {
  const auto found = ptx::kernels.find(ptx::names().at(host));
  if (found == ptx::kernels.end()) {
    std::printf("  no PTX of kernel %s\n", ptx::names().at(host).c_str());
    std::exit(3);
  }
  ptx::launch(*found->second, grid, block, arguments, shared);
  return cudaSuccess;
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                               size_t shared, cudaStream_t stream) {
  return cudaLaunchKernel(kernel, grid, block, arguments, shared, stream);
}

cudaError_t cudaMemsetAsync(void* address, int value, size_t bytes, cudaStream_t) {
  ptx::define_memory(address, bytes);
  std::memset(address, value, bytes);
  return cudaSuccess;
}

cudaError_t cudaGetLastError() { return cudaSuccess; }
const char* cudaGetErrorString(cudaError_t) { return "error"; }

}  // extern "C"
