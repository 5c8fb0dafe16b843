#pragma once

#include <cstdint>

namespace torch::stable::accelerator {

struct DeviceGuard {
  explicit DeviceGuard(int32_t) {}
  ~DeviceGuard() {}
};

}  // namespace torch::stable::accelerator
