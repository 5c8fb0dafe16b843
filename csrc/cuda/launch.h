// What every launch needs: a tensor's device, and torch's current stream there, through the stable
// ABI.
#pragma once

#include <cuda_runtime.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/macros.h>
#include <torch/csrc/stable/tensor.h>

namespace warpmix::cuda {

inline cudaStream_t current_stream(int32_t device) {
  void* stream = nullptr;
  TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(device, &stream));
  return static_cast<cudaStream_t>(stream);
}

// Makes the tensor's device the current one while it lives.
struct OnDevice {
  explicit OnDevice(const torch::stable::Tensor& tensor)
      : guard(tensor.get_device_index()), stream(current_stream(tensor.get_device_index())) {}

  void zero(int64_t* values, int64_t count) const {
    if (count == 0) {
      return;
    }
    const cudaError_t error = cudaMemsetAsync(values, 0, sizeof(int64_t) * count, stream);
    if (error != cudaSuccess) {
      // torch's message forgets the last error of its own cudart, not of this one, where the check
      // of the next launch would find it.
      static_cast<void>(cudaGetLastError());
    }
    STD_CUDA_CHECK(error);
  }

  const torch::stable::accelerator::DeviceGuard guard;
  const cudaStream_t stream;
};

}  // namespace warpmix::cuda
