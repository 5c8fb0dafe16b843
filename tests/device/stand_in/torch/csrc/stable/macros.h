#pragma once

#include <torch/headeronly/util/Exception.h>

#define STD_CUDA_CHECK(call) STD_TORCH_CHECK((call) == 0, "CUDA error: ", #call)
#define STD_CUDA_KERNEL_LAUNCH_CHECK() STD_CUDA_CHECK(cudaGetLastError())
#define TORCH_ERROR_CODE_CHECK(call) STD_TORCH_CHECK((call) == 0, "torch's error: ", #call)
