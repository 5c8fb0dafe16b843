// Registration of operators as functions of a list of values, whatever their signature.
#pragma once

#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/util/Exception.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace stand_in {

using torch::stable::Tensor;

using Value = std::variant<std::monostate, int64_t, double, std::vector<int64_t>,
                           std::vector<double>, Tensor>;
using Values = std::vector<Value>;
using Operator = void (*)(const Values&);

inline std::map<std::string, Operator>& operators() {
  static std::map<std::string, Operator> all;
  return all;
}

struct Library {
  void impl(const char* name, Operator function) { operators()[name] = function; }
};

template <typename T>
struct Argument {
  static T from(const Value& value) { return std::get<T>(value); }
};

template <>
struct Argument<bool> {
  static bool from(const Value& value) { return std::get<int64_t>(value) != 0; }
};

template <typename T>
struct Argument<std::optional<T>> {
  static std::optional<T> from(const Value& value) {
    const bool is_none = std::holds_alternative<std::monostate>(value);
    return is_none ? std::nullopt : std::optional<T>(Argument<T>::from(value));
  }
};

template <auto Function, typename Signature = decltype(Function)>
struct Boxed;

template <auto Function, typename... Arguments>
struct Boxed<Function, void (*)(Arguments...)> {
  static void call(const Values& values) {
    STD_TORCH_CHECK(values.size() == sizeof...(Arguments), "the operator takes ",
                    sizeof...(Arguments), " arguments, the case has ", values.size());
    unpack(values, std::index_sequence_for<Arguments...>());
  }

  template <size_t... kPlaces>
  static void unpack(const Values& values, std::index_sequence<kPlaces...>) {
    Function(Argument<std::decay_t<Arguments>>::from(values[kPlaces])...);
  }
};

}  // namespace stand_in

#define TORCH_BOX(function) (&::stand_in::Boxed<function>::call)

// One a file, as the project has it.
#define STABLE_TORCH_LIBRARY_IMPL(name, key, library)      \
  static void register_##key(::stand_in::Library);         \
  [[maybe_unused]] static const bool is_registered_##key = \
      (register_##key(::stand_in::Library()), true);       \
  static void register_##key([[maybe_unused]] ::stand_in::Library library)
