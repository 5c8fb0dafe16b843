// pybind11 beside the stable ABI.
//
// Up to torch 2.12, torch's own copy of pybind11 hides everything when TORCH_TARGET_VERSION is
// defined, so that no extension mixes the two by accident. Here the mixture is deliberate: the
// module below holds plain functions and no tensor crosses it, so the binary still depends on
// nothing but the stable ABI and one Python version. The macro is taken away for this include
// alone. Delete this header, and include <pybind11/pybind11.h>, when torch 2.13 is the oldest torch
// that warpmix is built with (build-system.requires in pyproject.toml).
#pragma once

#pragma push_macro("TORCH_TARGET_VERSION")
#undef TORCH_TARGET_VERSION
#include <pybind11/pybind11.h>
#pragma pop_macro("TORCH_TARGET_VERSION")
