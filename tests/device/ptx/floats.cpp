// Arithmetic of floats, and conversions of all types.
#include <algorithm>
#include <cmath>

#include "arithmetic.h"
#include "each.h"

namespace ptx {
namespace {

void add_conversions(Table& table) {
  const auto all = [](const auto& function) {
    function(Named<uint8_t>{"u8"}), function(Named<int8_t>{"s8"});
    for_integers(function);
  };
  const auto pair = [](auto to, auto from) {
    return "." + std::string(to.suffix) + "." + from.suffix;
  };
  all([&]<typename From>(Named<From> from) {
    all([&]<typename To>(Named<To> to) {
      table["cvt" + pair(to, from)] = {each<To, From>([](From a) { return To(a); })};
    });
    for_floats([&]<typename To>(Named<To> to) {
      table["cvt.rn" + pair(to, from)] = {each<To, From>([](From a) { return To(a); })};
    });
  });
  for_floats([&]<typename From>(Named<From> from) {
    all([&]<typename To>(Named<To> to) {
      const std::string types = pair(to, from);
      table["cvt.rzi" + types] = {
          each<To, From>([](From a) { return to_integer<To>(std::trunc(a)); })};
      table["cvt.rni" + types] = {
          each<To, From>([](From a) { return to_integer<To>(std::nearbyint(a)); })};
      table["cvt.rmi" + types] = {
          each<To, From>([](From a) { return to_integer<To>(std::floor(a)); })};
      table["cvt.rpi" + types] = {
          each<To, From>([](From a) { return to_integer<To>(std::ceil(a)); })};
    });
    const std::string same = pair(from, from);
    using F = From;
    table["cvt.rzi" + same] = {each<F, F>([](F a) { return std::trunc(a); })};
    table["cvt.rni" + same] = {each<F, F>([](F a) { return std::nearbyint(a); })};
    table["cvt.rmi" + same] = {each<F, F>([](F a) { return std::floor(a); })};
    table["cvt.rpi" + same] = {each<F, F>([](F a) { return std::ceil(a); })};
    table["cvt.sat" + same] = {
        each<F, F>([](F a) { return std::isnan(a) ? F(0) : std::min(std::max(a, F(0)), F(1)); })};
  });
  table["cvt.rn.f32.f64"] = {each<float, double>([](double a) { return float(a); })};
  table["cvt.f64.f32"] = {each<double, float>([](float a) { return double(a); })};
  using H = uint16_t;
  table["cvt.rn.f16.f32"] = {each<H, float>([](float a) { return to_float16(a); })};
  table["cvt.rn.bf16.f32"] = {each<H, float>([](float a) { return to_bfloat16(a); })};
  table["cvt.rn.f16x2.f32"] = {each<uint32_t, float, float>(
      [](float high, float low) { return uint32_t{to_float16(high)} << 16 | to_float16(low); })};
  table["cvt.rn.bf16x2.f32"] = {each<uint32_t, float, float>(
      [](float high, float low) { return uint32_t{to_bfloat16(high)} << 16 | to_bfloat16(low); })};
  table["cvt.f32.f16"] = {each<float, H>([](H a) { return float(std::bit_cast<_Float16>(a)); })};
  table["cvt.f32.bf16"] = {
      each<float, H>([](H a) { return std::bit_cast<float>(uint32_t{a} << 16); })};
}

}  // namespace

void add_floats(Table& table) {
  for_floats([&]<typename T>(Named<T> type) {
    const std::string s = type.suffix;
    const auto set = [&](const std::string& name, Run run) { table[name + "." + s] = {run}; };
    set("add.rn", each<T, T, T>([](T a, T b) { return a + b; }));
    set("sub.rn", each<T, T, T>([](T a, T b) { return a - b; }));
    set("mul.rn", each<T, T, T>([](T a, T b) { return a * b; }));
    set("div.rn", each<T, T, T>([](T a, T b) { return a / b; }));
    set("fma.rn", each<T, T, T, T>([](T a, T b, T c) { return std::fma(a, b, c); }));
    set("rcp.rn", each<T, T>([](T a) { return T(1) / a; }));
    set("sqrt.rn", each<T, T>([](T a) { return std::sqrt(a); }));
    set("min", each<T, T, T>([](T a, T b) { return least(a, b); }));
    set("max", each<T, T, T>([](T a, T b) { return greatest(a, b); }));
    set("neg", each<T, T>([](T a) { return -a; }));
    set("abs", each<T, T>([](T a) { return std::fabs(a); }));
    set("mov", each<T, T>([](T a) { return a; }));
    set("selp", each<T, T, T, bool>([](T a, T b, bool first) { return first ? a : b; }));
  });
  add_conversions(table);
}

}  // namespace ptx
