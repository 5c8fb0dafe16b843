#pragma once

#include <cstddef>
#include <cstdlib>

namespace torch::headeronly {

// c10's numbers, which case files hold.
enum class ScalarType : int {
  Byte = 0,
  Int = 3,
  Long = 4,
  Half = 5,
  Float = 6,
  Double = 7,
  Bool = 11,
  BFloat16 = 15,
};

inline size_t element_size(ScalarType type) {
  switch (type) {
    case ScalarType::Byte:
    case ScalarType::Bool:
      return 1;
    case ScalarType::Half:
    case ScalarType::BFloat16:
      return 2;
    case ScalarType::Int:
    case ScalarType::Float:
      return 4;
    case ScalarType::Long:
    case ScalarType::Double:
      return 8;
  }
  std::abort();
}

}  // namespace torch::headeronly
