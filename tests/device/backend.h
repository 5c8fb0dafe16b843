// What the driver asks of the library that runs the cases.
#pragma once

#include <cstdint>

namespace device {

struct Backend {
  // Chooses one of the ways in which a correct program may be run: 0, 1, …
  void (*vary)(int variant);
  // Tells which case comes next.
  void (*begin)(uint32_t number);
  // Prints what has been run; false where that is not what a run of all cases must do.
  bool (*report)(bool all_cases);
};

}  // namespace device

extern "C" const device::Backend* device_backend();
