// Work that threads take from one queue, so that a thread that another process holds up delays no
// more than the item it has taken; of equal shares the slowest thread would decide.
#pragma once

#include <atomic>
#include <cstdint>

namespace warpmix::ensemble {

class Queue {
 public:
  explicit Queue(int64_t count) : count_(count) {}

  // Whether there was an item left, which is then the caller's.
  bool take(int64_t& item) {
    item = next_.fetch_add(1, std::memory_order_relaxed);
    return item < count_;
  }

 private:
  std::atomic<int64_t> next_{0};
  const int64_t count_;
};

}  // namespace warpmix::ensemble
