// Tensors whose elements are a heap block of exactly their size, so that AddressSanitizer sees one
// byte too far; at an offset from the block's start if asked for, so that nothing is aligned by
// accident.
#pragma once

#include <torch/headeronly/core/ScalarType.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace stand_in {

inline bool tensors_are_cuda = false;
inline int64_t storage_offset = 0;  // elements before those of a tensor
inline int poison = 0xA5;           // what memory holds that nobody has written

// What a tensor's memory goes through: it is there, holds what may be read, is gone.
enum class Memory { kMade, kFilled, kGone };
inline void (*note_memory)(Memory, const void*, size_t) = [](Memory, const void*, size_t) {};

}  // namespace stand_in

namespace torch::stable {

using headeronly::ScalarType;

struct Device {};

class Tensor {
 public:
  Tensor() = default;

  Tensor(std::vector<int64_t> sizes, std::vector<int64_t> strides, ScalarType type)
      : sizes_(std::move(sizes)), strides_(std::move(strides)), type_(type) {
    const size_t before = stand_in::storage_offset * headeronly::element_size(type);
    block_.reset(static_cast<char*>(std::malloc(before + bytes())), [before](char* block) {
      stand_in::note_memory(stand_in::Memory::kGone, block + before, 0);
      std::free(block);
    });
    std::memset(block_.get(), stand_in::poison, before + bytes());
    data_ = block_.get() + before;
    stand_in::note_memory(stand_in::Memory::kMade, data_, bytes());
  }

  Tensor(const std::vector<int64_t>& sizes, ScalarType type)
      : Tensor(sizes, contiguous_strides(sizes), type) {}

  int64_t dim() const { return static_cast<int64_t>(sizes_.size()); }
  int64_t size(int64_t d) const { return sizes_.at(d); }
  int64_t stride(int64_t d) const { return strides_.at(d); }
  ScalarType scalar_type() const { return type_; }
  size_t bytes() const { return numel() * headeronly::element_size(type_); }

  int64_t numel() const {
    int64_t product = 1;
    for (const int64_t size : sizes_) {
      product *= size;
    }
    return product;
  }

  bool is_contiguous() const {
    const std::vector<int64_t> plain = contiguous_strides(sizes_);
    for (int64_t d = 0; d < dim(); ++d) {
      if (sizes_[d] != 1 && strides_[d] != plain[d]) {
        return numel() == 0;
      }
    }
    return true;
  }

  // Null without elements, as torch's.
  void* mutable_data_ptr() const { return numel() > 0 ? data_ : nullptr; }
  const void* const_data_ptr() const { return mutable_data_ptr(); }

  bool is_cuda() const { return stand_in::tensors_are_cuda; }
  int32_t get_device_index() const { return is_cuda() ? 0 : -1; }
  Device device() const { return {}; }

 private:
  static std::vector<int64_t> contiguous_strides(const std::vector<int64_t>& sizes) {
    std::vector<int64_t> strides(sizes.size(), 1);
    for (size_t d = sizes.size(); d-- > 1;) {
      strides[d - 1] = strides[d] * sizes[d];
    }
    return strides;
  }

  std::vector<int64_t> sizes_, strides_;
  ScalarType type_ = {};
  std::shared_ptr<char> block_;
  char* data_ = nullptr;
};

}  // namespace torch::stable
