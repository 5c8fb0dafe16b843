// Loops whose parts run side by side, by whoever has the threads: kernels know no thread pool.
#pragma once

#include <cstdint>
#include <functional>

namespace warpmix {

// Calls body(first, last) for parts of [begin, end), of at least `grain` items if there are as
// many.
using ParallelFor = void (*)(int64_t begin, int64_t end, int64_t grain,
                             const std::function<void(int64_t, int64_t)>& body);

}  // namespace warpmix
