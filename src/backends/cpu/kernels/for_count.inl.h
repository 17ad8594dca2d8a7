// From a number of rows to the code compiled for as many.
#pragma once

#include <cstdint>

#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

// Calls f.template run<n>(), 1 <= n <= kMost. A template over the Isa for the reason given in avx512/ops.h.
template <class Isa, int kMost, class F>
GALAGO_INLINE void for_count(int n, const F& f) {
  if constexpr (kMost > 1) {
    if (n < kMost) return for_count<Isa, kMost - 1>(n, f);
  }
  f.template run<kMost>();
}

// Calls f.from(row).template run<kRows>() for every kRows of `rows` rows, and once more for those that remain.
template <class Isa, int kRows, class F>
GALAGO_INLINE void for_rows(std::int64_t rows, const F& f) {
  std::int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) f.from(row).template run<kRows>();
  if (row < rows) for_count<Isa, kRows>(static_cast<int>(rows - row), f.from(row));
}

// The rows of a part, when `rows` of them are divided into equal parts of whole kRows, of which none is above `most`
// (at least kRows).
template <class Isa, int kRows>
GALAGO_INLINE std::int64_t equal_rows(std::int64_t rows, std::int64_t most) {
  most = most / kRows * kRows;
  const std::int64_t parts = (rows + most - 1) / most;
  return parts > 1 ? ((rows + parts - 1) / parts + kRows - 1) / kRows * kRows : most;
}

}  // namespace galago::cpu
