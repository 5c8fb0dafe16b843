// Included before every source of a tree with mutants.
#pragma once

#include <type_traits>

// 0: no fault. `warpmix_reached` tells which switches the program has come to.
extern "C" {
__attribute__((visibility("default"), used)) inline int warpmix_mutant = 0;
__attribute__((visibility("default"), used)) inline unsigned char warpmix_reached[8192] = {};
}

// What the compiler computes has no fault.
__attribute__((always_inline)) inline constexpr bool MUTANT(int number) {
  if (std::is_constant_evaluated()) {
    return false;
  }
  warpmix_reached[number] = 1;
  return warpmix_mutant == number;
}
