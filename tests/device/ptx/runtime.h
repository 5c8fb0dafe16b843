// What a run of cases asks of the runtime.
#pragma once

#include "machine.h"

namespace ptx {

// Kernels of a file that parse.py wrote.
void load_program(const std::string& path);

// Of each kernel that ran: a head, and each instruction's counts.
void write_counts(const std::string& path);

uint32_t launches();

}  // namespace ptx
