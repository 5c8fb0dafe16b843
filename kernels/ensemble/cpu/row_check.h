// Whether rows are probabilities, eight rows at once as they lie.
#pragma once

#include "../../simd.h"
#include "../tally.h"

namespace warpmix::ensemble {

typedef float EightFloats __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t EightInts __attribute__((vector_size(32), aligned(4), may_alias));

HOST_DEVICE EightFloats load_eight(const float* values) {
  return *reinterpret_cast<const EightFloats*>(values);
}

// How many rows hold no probabilities.
inline int64_t count_invalid(const float* rows, int32_t classes, int64_t count) {
  int64_t invalid = 0;
  for (const float* row = rows; row != rows + count * classes; row += classes) {
    Extremes<1> found;
    invalid += Scores<1>{const_cast<float*>(row), 1, classes}.examine(false, 1, found);
  }
  return invalid;
}

// Sums of neighbours: of a, a, b, b in each half.
HOST_DEVICE EightFloats pair_sums(EightFloats a, EightFloats b) {
  return __builtin_shufflevector(a, b, 0, 2, 8, 10, 4, 6, 12, 14) +
         __builtin_shufflevector(a, b, 1, 3, 9, 11, 5, 7, 13, 15);
}

// The sum of each of eight vectors, in their order.
HOST_DEVICE EightFloats sums_of(const EightFloats* v) {
  const EightFloats low = pair_sums(pair_sums(v[0], v[1]), pair_sums(v[2], v[3]));
  const EightFloats high = pair_sums(pair_sums(v[4], v[5]), pair_sums(v[6], v[7]));
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(low, high, 4, 5, 6, 7, 12, 13, 14, 15);
}

// Of at least eight classes. Rows of a sum further than `surely_near` from 1, or with a sign.
HOST_DEVICE bool eights_suspect(const float* rows, int32_t classes, int64_t count,
                                float surely_near) {
  // The last vector of a row ends with the row: what it repeats is masked.
  static constexpr int32_t kMasks[16] = {0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1};
  const EightInts mask = *reinterpret_cast<const EightInts*>(kMasks + classes % 8);
  EightInts signs = {};
  EightInts suspect = {};
  for (int64_t t = 0; t < count; t += 8) {
    EightFloats parts[8];
    for (int i = 0; i < 8; ++i) {
      const float* row = rows + (t + i) * classes;
      EightFloats part = load_eight(row);
      signs |= reinterpret_cast<const EightInts&>(part);
      for (int32_t c = 8; c + 8 <= classes; c += 8) {
        const EightFloats next = load_eight(row + c);
        signs |= reinterpret_cast<const EightInts&>(next);
        part += next;
      }
      const EightInts last = *reinterpret_cast<const EightInts*>(row + classes - 8) & mask;
      signs |= last;
      parts[i] = part + reinterpret_cast<const EightFloats&>(last);
    }
    const EightFloats off = sums_of(parts) - 1.0f;
    const EightFloats limit = EightFloats{} + surely_near;
    suspect |= ~((off <= limit) & (off >= -limit));
  }
  suspect |= signs < 0;
  int32_t any = 0;
  for (int i = 0; i < 8; ++i) {
    any |= suspect[i];
  }
  return any != 0;
}

// Whether a row may hold no probabilities.
HOST_DEVICE bool suspect_rows(const float* rows, int32_t classes, int64_t count) {
  // The same sum, of about 1, in the order of the classes differs by less than 2^-22 a class.
  const float surely_near = kSumTolerance - 0x1p-22f * static_cast<float>(classes);
  const int64_t eights = classes < 8 ? 0 : count / 8 * 8;
  int32_t suspect = eights_suspect(rows, classes, eights, surely_near);
  for (int64_t t = eights; t < count; ++t) {
    const float* row = rows + t * classes;
    float total = 0.0f;
    for (int32_t c = 0; c < classes; ++c) {
      total += row[c];
      suspect |= row[c] < 0.0f;
    }
    suspect |= !(fabsf(total - 1.0f) <= surely_near);
  }
  return suspect;
}

}  // namespace warpmix::ensemble
