#pragma once

#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <optional>
#include <thread>

namespace stand_in {

constexpr int64_t kThreadsOfACall = 4;
inline int64_t parallel_calls = 0;  // of parallel_for, that had work for two threads

}  // namespace stand_in

namespace torch::stable {

inline Tensor empty(const std::vector<int64_t>& sizes, ScalarType type, std::nullopt_t, Device) {
  return Tensor(sizes, type);
}

inline Tensor new_zeros(const Tensor&, const std::vector<int64_t>& sizes, ScalarType type) {
  Tensor zeros(sizes, type);
  std::memset(zeros.mutable_data_ptr(), 0, zeros.bytes());
  stand_in::note_memory(stand_in::Memory::kFilled, zeros.const_data_ptr(), zeros.bytes());
  return zeros;
}

// Threads that start and end with the call: ThreadSanitizer knows their order, where it does not
// know OpenMP's. The grain is left out, so that small batches are shared too.
template <typename Body>
void parallel_for(int64_t begin, int64_t end, int64_t, const Body& body) {
  const int64_t parts = std::min(stand_in::kThreadsOfACall, end - begin);
  if (parts <= 1) {
    if (begin < end) {
      body(begin, end);
    }
    return;
  }
  stand_in::parallel_calls += 1;
  std::vector<std::thread> threads;
  for (int64_t part = 0; part < parts; ++part) {
    threads.emplace_back([=, &body] {
      body(begin + (end - begin) * part / parts, begin + (end - begin) * (part + 1) / parts);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace torch::stable
