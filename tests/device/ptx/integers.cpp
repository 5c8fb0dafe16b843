// Integers and bits.
#include <algorithm>

#include "arithmetic.h"
#include "each.h"

namespace ptx {
namespace {

void add_numbers(Table& table) {
  for_integers([&]<typename T>(Named<T> type) {
    using U = std::make_unsigned_t<T>;
    const std::string s = type.suffix;
    const auto set = [&](const std::string& name, Run run) { table[name + "." + s] = {run}; };
    set("add", each<T, T, T>([](T a, T b) { return T(U(U(a) + U(b))); }));
    set("sub", each<T, T, T>([](T a, T b) { return T(U(U(a) - U(b))); }));
    set("mul.lo", each<T, T, T>([](T a, T b) { return T(uint64_t(a) * uint64_t(b)); }));
    set("mad.lo",
        each<T, T, T, T>([](T a, T b, T c) { return T(uint64_t(a) * uint64_t(b) + uint64_t(c)); }));
    set("mul.hi", each<T, T, T>([](T a, T b) {
          using Wider = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
          return T(Wider(a) * Wider(b) >> 8 * sizeof(T));
        }));
    set("div", each<T, T, T>([](T a, T b) { return b == 0 ? T(-1) : T(a / b); }));
    set("rem", each<T, T, T>([](T a, T b) { return b == 0 ? a : T(a % b); }));
    set("min", each<T, T, T>([](T a, T b) { return least(a, b); }));
    set("max", each<T, T, T>([](T a, T b) { return greatest(a, b); }));
    set("neg", each<T, T>([](T a) { return T(U(0) - U(a)); }));
    set("abs", each<T, T>([](T a) { return a < 0 ? T(U(0) - U(a)) : a; }));
    set("shr", each<T, T, uint32_t>([](T a, uint32_t n) { return shifted_right(a, n); }));
    set("bfe", each<T, T, uint32_t, uint32_t>(
                   [](T a, uint32_t place, uint32_t count) { return extracted(a, place, count); }));
    if constexpr (sizeof(T) < 8) {
      using W =
          std::conditional_t<sizeof(T) == 2,
                             std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>, Wide<T>>;
      set("mul.wide", each<W, T, T>([](T a, T b) { return W(W(a) * W(b)); }));
      set("mad.wide",
          each<W, T, T, W>([](T a, T b, W c) { return W(uint64_t(W(a) * W(b)) + uint64_t(c)); }));
    }
    table[std::string("selp.") + s] = {
        each<T, T, T, bool>([](T a, T b, bool first) { return first ? a : b; })};
    table[std::string("mov.") + s] = {each<T, T>([](T a) { return a; })};
  });
}

void add_bits(Table& table) {
  for_bits([&]<typename T>(Named<T> type) {
    const std::string s = type.suffix;
    const auto set = [&](const std::string& name, Run run) { table[name + "." + s] = {run}; };
    set("and", each<T, T, T>([](T a, T b) { return T(a & b); }));
    set("or", each<T, T, T>([](T a, T b) { return T(a | b); }));
    set("xor", each<T, T, T>([](T a, T b) { return T(a ^ b); }));
    set("mov", each<T, T>([](T a) { return a; }));
    set("selp", each<T, T, T, bool>([](T a, T b, bool first) { return first ? a : b; }));
    if constexpr (std::is_same_v<T, bool>) {
      set("not", each<T, T>([](T a) { return !a; }));
    } else {
      set("not", each<T, T>([](T a) { return T(~a); }));
      set("shl", each<T, T, uint32_t>([](T a, uint32_t n) { return shifted_left(a, n); }));
      set("shr", each<T, T, uint32_t>([](T a, uint32_t n) { return shifted_right(a, n); }));
    }
    if constexpr (sizeof(T) >= 4) {
      set("popc", each<uint32_t, T>([](T a) { return std::popcount(a); }));
      set("clz", each<uint32_t, T>([](T a) { return leading_zeros(a, 8 * sizeof(T)); }));
      set("bfi", each<T, T, T, uint32_t, uint32_t>([](T a, T b, uint32_t place, uint32_t count) {
            return inserted(a, b, place, count);
          }));
    }
  });
  table["brev.b32"] = {each<uint32_t, uint32_t>([](uint32_t a) { return reversed(a); })};
  table["bfind.shiftamt.u32"] = {
      each<uint32_t, uint32_t>([](uint32_t a) { return a == 0 ? ~0u : leading_zeros(a, 32); })};
  table["bfind.u32"] = {each<uint32_t, uint32_t>(
      [](uint32_t a) { return a == 0 ? ~0u : 31 - leading_zeros(a, 32); })};
  using U = uint32_t;
  for (const std::string mode : {".wrap", ".clamp"}) {
    const bool wraps = mode == ".wrap";
    table["shf.l" + mode + ".b32"] = {
        wraps
            ? each<U, U, U, U>([](U a, U b, U n) { return funnel_left(a, b, n & 31u); })
            : each<U, U, U, U>([](U a, U b, U n) { return funnel_left(a, b, std::min(n, 32u)); })};
    table["shf.r" + mode + ".b32"] = {
        wraps
            ? each<U, U, U, U>([](U a, U b, U n) { return funnel_right(a, b, n & 31u); })
            : each<U, U, U, U>([](U a, U b, U n) { return funnel_right(a, b, std::min(n, 32u)); })};
  }
  table["prmt.b32"] = {each<U, U, U, U>([](U a, U b, U s) { return permuted(a, b, s); })};
  table["lop3.b32"] = {
      each<U, U, U, U, U>([](U a, U b, U c, U t) { return looked_up(a, b, c, t); })};
}

uint32_t byte(uint32_t word, int i) { return word >> 8 * i & 255u; }

// Sums over a word's four bytes.
void add_bytes(Table& table) {
  using U = uint32_t;
  table["dp4a.u32.u32"] = {each<U, U, U, U>([](U a, U b, U c) {
    for (int i = 0; i < 4; ++i) {
      c += byte(a, i) * byte(b, i);
    }
    return c;
  })};
  table["vabsdiff4.u32.u32.u32.add"] = {each<U, U, U, U>([](U a, U b, U c) {
    for (int i = 0; i < 4; ++i) {
      c += std::max(byte(a, i), byte(b, i)) - std::min(byte(a, i), byte(b, i));
    }
    return c;
  })};
}

}  // namespace

void add_integers(Table& table) {
  add_numbers(table);
  add_bits(table);
  add_bytes(table);
}

}  // namespace ptx
