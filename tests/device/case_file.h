// Reads case files, whose format case_files.py describes.
#pragma once

#include <torch/csrc/stable/library.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace device {

using stand_in::Tensor;
using stand_in::Value;
using stand_in::Values;

// An argument that is an output has its tensor poisoned, and here what the CPU operator wrote; an
// input what it must still hold after the call.
struct Case {
  std::string op;
  std::string label;
  bool is_refused;
  Values arguments;
  std::vector<std::vector<char>> expected;  // bytes, of each argument that is a tensor
};

class CaseFile {
 public:
  explicit CaseFile(const char* path) : file_(path, std::ios::binary) {
    char magic[8];
    file_.read(magic, sizeof magic);
    STD_TORCH_CHECK(file_ && std::string(magic, 8) == "WMCASES1", path, " is no case file");
    count_ = read<uint32_t>();
  }

  uint32_t count() const { return count_; }

  void skip() { file_.seekg(read<uint32_t>(), std::ios::cur); }

  Case next() {
    read<uint32_t>();
    Case one;
    one.op = string();
    one.label = string();
    one.is_refused = read<uint8_t>() != 0;
    const uint32_t arguments = read<uint32_t>();
    one.expected.resize(arguments);
    for (uint32_t i = 0; i < arguments; ++i) {
      one.arguments.push_back(argument(one.expected[i]));
    }
    return one;
  }

 private:
  template <typename T>
  T read() {
    T value;
    file_.read(reinterpret_cast<char*>(&value), sizeof value);
    STD_TORCH_CHECK(file_, "the case file ends too early");
    return value;
  }

  template <typename T>
  std::vector<T> list(size_t count) {
    std::vector<T> values(count);
    file_.read(reinterpret_cast<char*>(values.data()), count * sizeof(T));
    STD_TORCH_CHECK(file_, "the case file ends too early");
    return values;
  }

  std::string string() {
    const std::vector<char> bytes = list<char>(read<uint32_t>());
    return {bytes.begin(), bytes.end()};
  }

  Value argument(std::vector<char>& expected) {
    const char tag = read<char>();
    switch (tag) {
      case 'N':
        return {};
      case 'i':
        return read<int64_t>();
      case 'd':
        return read<double>();
      case 'I':
        return list<int64_t>(read<uint32_t>());
      case 'D':
        return list<double>(read<uint32_t>());
      case 'T':
        return tensor(expected);
      default:
        stand_in::fail("unknown tag ", static_cast<int>(tag));
    }
  }

  Tensor tensor(std::vector<char>& expected) {
    const bool is_output = read<uint8_t>() != 0;
    const auto type = static_cast<torch::headeronly::ScalarType>(read<int32_t>());
    const uint32_t dimensions = read<uint32_t>();
    const std::vector<int64_t> sizes = list<int64_t>(dimensions);
    const std::vector<int64_t> strides = list<int64_t>(dimensions);
    expected = list<char>(read<uint64_t>());
    const Tensor made(sizes, strides, type);
    STD_TORCH_CHECK(made.bytes() == expected.size(), "a tensor's bytes do not fit its sizes");
    if (!is_output && !expected.empty()) {
      std::memcpy(made.mutable_data_ptr(), expected.data(), expected.size());
      stand_in::note_memory(stand_in::Memory::kFilled, made.const_data_ptr(), expected.size());
    }
    return made;
  }

  std::ifstream file_;
  uint32_t count_ = 0;
};

}  // namespace device
