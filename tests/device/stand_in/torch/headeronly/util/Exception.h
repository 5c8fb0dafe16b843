#pragma once

#include <sstream>
#include <stdexcept>

namespace stand_in {

template <typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::runtime_error(text.str());
}

}  // namespace stand_in

#define STD_TORCH_CHECK(condition, ...) \
  do {                                  \
    if (!(condition)) {                 \
      ::stand_in::fail(__VA_ARGS__);    \
    }                                   \
  } while (0)
