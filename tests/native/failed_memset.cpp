// csrc/cuda/launch.h on a cudart of its own whose memset fails: does the next launch hear of it?
#include <stdexcept>

#include "cuda/launch.h"

namespace {

cudaError_t last_error = cudaSuccess;

// As torch's STD_CUDA_KERNEL_LAUNCH_CHECK() does after a kernel.
void launch() { STD_CUDA_CHECK(cudaGetLastError()); }

}  // namespace

cudaError_t cudaMemsetAsync(void*, int, size_t, cudaStream_t) { return last_error = 1; }

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}

int main() {
  const warpmix::cuda::OnDevice on{torch::stable::Tensor()};
  int64_t values[1];
  on.zero(values, 0);  // asks for nothing
  launch();
  try {
    on.zero(values, 1);
    return 1;  // it failed in silence
  } catch (const std::runtime_error&) {
  }
  launch();  // throws, and so ends the program, if it is blamed
  return 0;
}
