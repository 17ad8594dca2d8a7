// From a number of rows to the code compiled for as many.
#pragma once

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

}  // namespace galago::cpu
