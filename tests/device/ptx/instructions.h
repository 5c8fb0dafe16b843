// What each PTX opcode does.
#pragma once

#include <string>
#include <unordered_map>

#include "machine.h"

namespace ptx {

using Table = std::unordered_map<std::string, Operation>;

// Of an opcode as parse.py writes it; throws std::runtime_error where there is none.
const Operation& operation_of(const std::string& opcode);

Timing timing_of(const std::string& opcode);

// The places of a kernel's instructions, in the order in which ptxas would issue them.
std::vector<int32_t> schedule(const std::vector<Instruction>& code);

// The parts of its table, each of the file of its name.
void add_integers(Table& table);
void add_floats(Table& table);
void add_comparisons(Table& table);
void add_accesses(Table& table);
void add_collectives(Table& table);

// An opcode without what says how an access is cached.
std::string without_hints(const std::string& opcode);

}  // namespace ptx
