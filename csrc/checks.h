// Checks of an op's arguments: "op: argument must be …, got …". Python validates first and raises
// ValueError or TypeError; these protect who calls torch.ops.warpmix directly (RuntimeError).
#pragma once

#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>
#include <torch/headeronly/util/Exception.h>

#include <optional>

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

}  // namespace warpmix
