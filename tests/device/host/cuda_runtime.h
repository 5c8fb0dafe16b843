// What nvcc knows without an include: the CUDA language.
#pragma once

#include <type_traits>
#include <utility>

#include "cuda_runtime_api.h"
#include "launch.h"
#include "memory_functions.h"
#include "numbers.h"
#include "warp.h"
