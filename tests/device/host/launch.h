// Kernels, their launches, and where a thread is.
#pragma once

#include "runtime.h"

#define __host__
#define __device__
#define __global__
#define __constant__
#define __grid_constant__
#define __restrict__ __restrict
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)

#define threadIdx (::host_cuda::coordinates().thread)
#define blockIdx (::host_cuda::coordinates().block)
#define blockDim (::host_cuda::coordinates().block_size)
#define gridDim (::host_cuda::coordinates().grid_size)
constexpr int warpSize = 32;

namespace host_cuda {

constexpr size_t kParameterLimit = 4096;  // bytes, of compute capability below 7.0 and old drivers

// kernel<<<configuration>>>(arguments), which cuda_source.py makes launch(kernel, …)(…).
template <typename... Parameters>
struct Launch {
  void (*kernel)(Parameters...);
  Configuration configuration;

  void operator()(const Parameters&... arguments) const {
    static_assert((sizeof(Parameters) + ... + 0) <= kParameterLimit);
    run_grid(reinterpret_cast<const void*>(kernel), configuration, [&] { kernel(arguments...); });
  }
};

template <typename... Parameters>
Launch<Parameters...> launch(void (*kernel)(Parameters...), dim3 grid, dim3 block,
                             size_t dynamic_shared = 0, void* = nullptr) {
  return {kernel, {grid, block, dynamic_shared}};
}

// A shared variable of the kernel that runs.
template <typename T>
T& shared(const void* key) {
  return *static_cast<T*>(shared_variable(key, sizeof(T), alignof(T)));
}

template <typename T>
T* dynamic_shared() {
  return static_cast<T*>(dynamic_shared_memory());
}

}  // namespace host_cuda

// Of a declaration, which has a key of its own in each function that it is compiled into.
#define HOST_CUDA_SHARED(...)                            \
  ::host_cuda::shared<__VA_ARGS__>([]() -> const void* { \
    static const char key = 0;                           \
    return &key;                                         \
  }())
