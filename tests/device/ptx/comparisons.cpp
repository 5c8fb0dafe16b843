// setp: comparisons, and with a predicate more.
#include <cmath>

#include "each.h"

namespace ptx {
namespace {

// setp.COMPARISON.TYPE, and with .and, .or, .xor and a predicate more.
template <typename T, typename Compare>
void add_comparison(Table& table, const std::string& name, const std::string& suffix, Compare) {
  using P = bool;
  table["setp." + name + "." + suffix] = {each<P, T, T>([](T a, T b) { return Compare{}(a, b); })};
  table["setp." + name + ".and." + suffix] = {
      each<P, T, T, P>([](T a, T b, P p) { return Compare{}(a, b) && p; })};
  table["setp." + name + ".or." + suffix] = {
      each<P, T, T, P>([](T a, T b, P p) { return Compare{}(a, b) || p; })};
  table["setp." + name + ".xor." + suffix] = {
      each<P, T, T, P>([](T a, T b, P p) { return Compare{}(a, b) != p; })};
}

template <typename T>
void add_type(Table& table, const std::string& suffix) {
  const auto set = [&](const std::string& name, auto compare) {
    add_comparison<T>(table, name, suffix, compare);
  };
  set("eq", [](T a, T b) { return a == b; });
  set("lt", [](T a, T b) { return a < b; });
  set("le", [](T a, T b) { return a <= b; });
  set("gt", [](T a, T b) { return a > b; });
  set("ge", [](T a, T b) { return a >= b; });
  if constexpr (std::is_floating_point_v<T>) {  // ne is false of NaN, and …u true
    set("ne", [](T a, T b) { return a < b || a > b; });
    set("equ", [](T a, T b) { return !(a < b || a > b); });
    set("neu", [](T a, T b) { return a != b; });
    set("ltu", [](T a, T b) { return !(a >= b); });
    set("leu", [](T a, T b) { return !(a > b); });
    set("gtu", [](T a, T b) { return !(a <= b); });
    set("geu", [](T a, T b) { return !(a < b); });
    set("num", [](T a, T b) { return !std::isnan(a) && !std::isnan(b); });
    set("nan", [](T a, T b) { return std::isnan(a) || std::isnan(b); });
  } else {
    set("ne", [](T a, T b) { return a != b; });
    set("lo", [](T a, T b) { return a < b; });
    set("ls", [](T a, T b) { return a <= b; });
    set("hi", [](T a, T b) { return a > b; });
    set("hs", [](T a, T b) { return a >= b; });
  }
}

}  // namespace

void add_comparisons(Table& table) {
  const auto add = [&]<typename T>(Named<T> type) { add_type<T>(table, type.suffix); };
  for_integers(add);
  for_floats(add);
  for_bits(add);
}

}  // namespace ptx
