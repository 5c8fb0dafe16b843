// Checks of an op's arguments: "op: argument must be …, got …". Python validates first and raises
// ValueError or TypeError; these protect who calls torch.ops.warpmix directly (RuntimeError).
#pragma once

#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>
#include <torch/headeronly/util/Exception.h>

#include <cstdint>
#include <type_traits>

namespace warpmix {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

#define WARPMIX_CHECK(op, condition, ...) STD_TORCH_CHECK(condition, op, ": ", __VA_ARGS__)

#define WARPMIX_CHECK_DTYPE(op, tensor, expected)                              \
  WARPMIX_CHECK(op, (tensor).scalar_type() == (expected), #tensor " must be ", \
                static_cast<int>(expected), " (ScalarType), got ",             \
                static_cast<int>((tensor).scalar_type()))

#define WARPMIX_CHECK_DIM(op, tensor, expected)                                    \
  WARPMIX_CHECK(op, (tensor).dim() == (expected), #tensor " must have ", expected, \
                " dimensions, got ", (tensor).dim())

#define WARPMIX_CHECK_SIZE(op, tensor, dimension, expected)                                       \
  WARPMIX_CHECK(op, (tensor).size(dimension) == (expected), #tensor " must have size ", expected, \
                " in dimension ", dimension, ", got ", (tensor).size(dimension))

#define WARPMIX_CHECK_CONTIGUOUS(op, tensor) \
  WARPMIX_CHECK(op, (tensor).is_contiguous(), #tensor " must be contiguous, got strides")

#define WARPMIX_CHECK_SAME_DEVICE(op, tensor, other)                           \
  WARPMIX_CHECK(op,                                                            \
                (tensor).is_cuda() == (other).is_cuda() &&                     \
                    (tensor).get_device_index() == (other).get_device_index(), \
                #tensor " must be on the device of " #other ", got another one")

template <typename T>
constexpr ScalarType scalar_type_of() {
  if constexpr (std::is_same_v<T, int64_t>) {
    return ScalarType::Long;
  } else if constexpr (std::is_same_v<T, int32_t>) {
    return ScalarType::Int;
  } else if constexpr (std::is_same_v<T, bool>) {
    return ScalarType::Bool;
  } else if constexpr (std::is_same_v<T, double>) {
    return ScalarType::Double;
  } else {
    static_assert(std::is_same_v<T, float>);
    return ScalarType::Float;
  }
}

// The data of a contiguous tensor of `count` elements of type T on the device of `other`. What is
// only read, const T, is not asked for as mutable: that would copy a lazy clone, say.
template <typename T>
T* checked_data(const char* op, const char* name, const Tensor& tensor, const Tensor& other,
                int64_t count) {
  constexpr ScalarType type = scalar_type_of<std::remove_const_t<T>>();
  WARPMIX_CHECK(op, tensor.scalar_type() == type, name, " must have ScalarType ",
                static_cast<int>(type), ", got ", static_cast<int>(tensor.scalar_type()));
  WARPMIX_CHECK(op, tensor.is_contiguous() && tensor.numel() == count, name,
                " must be contiguous with ", count, " elements, got ", tensor.numel());
  WARPMIX_CHECK_SAME_DEVICE(op, tensor, other);
  if constexpr (std::is_const_v<T>) {
    return static_cast<T*>(tensor.const_data_ptr());
  } else {
    return static_cast<T*>(tensor.mutable_data_ptr());
  }
}

}  // namespace warpmix
