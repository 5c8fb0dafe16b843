// Work that threads take from one queue, so that a thread that another process holds up delays no
// more than the item it has taken; of equal shares the slowest thread would decide.
#pragma once

#include <atomic>
#include <cstdint>

#include "../../host_device.h"

namespace warpmix::ensemble {

class Queue {
 public:
  explicit Queue(int64_t count) : count_(count) {}

  // Whether there was an item left, which is then the caller's.
  bool take(int64_t& item) { return take(1, item) == 1; }

  // The same of several from `first` on, `wanted` at most. Returns how many.
  int64_t take(int64_t wanted, int64_t& first) {
    first = next_.fetch_add(wanted, std::memory_order_relaxed);
    return max_of<int64_t>(0, min_of(wanted, count_ - first));
  }

 private:
  std::atomic<int64_t> next_{0};
  const int64_t count_;
};

}  // namespace warpmix::ensemble
