// Rows of activations that a register tile reads at the same column, k by k.
#pragma once

#include <cstdint>

#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

// A pointer for each three rows: an address has a base and once or twice the stride, so 12 rows take five registers.
template <class Isa, class Element, int kRows>
struct RowBases {
  static constexpr int kBases = (kRows + 2) / 3;
  const Element* base[kBases];
  std::int64_t stride;

  GALAGO_INLINE RowBases(const Element* x, std::int64_t row_stride) : stride(row_stride) {
    GALAGO_UNROLL
    for (int b = 0; b < kBases; ++b) base[b] = x + 3 * b * stride;
  }
  GALAGO_INLINE const Element* row(int r) const { return base[r / 3] + r % 3 * stride; }
  template <int kCount>
  GALAGO_INLINE void advance() {
    GALAGO_UNROLL
    for (int b = 0; b < kBases; ++b) {
      base[b] += kCount;
      GALAGO_OPAQUE(base[b]);  // or the compiler keeps a pointer for each row, and moves them in and out of registers
    }
  }
};

}  // namespace galago::cpu
