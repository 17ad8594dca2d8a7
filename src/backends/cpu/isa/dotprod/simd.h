// NEON with the dot product extension (Cortex-A55 and A76, Neoverse N1, Apple A11, and later).
#pragma once

#include "backends/cpu/isa/dotprod/sdot.h"
#include "backends/cpu/isa/neon/ops.h"

namespace galago::cpu::dotprod {

struct Isa : NeonOps<Isa> {
  static constexpr const char* kName = "dotprod";

  template <int kBits, int n, int kRows>
  static GALAGO_INLINE void multiply_add(int32x4_t (&acc)[kRows], const int8x16_t (&w)[n], const std::int8_t* x,
                                         std::int64_t stride) {
    Sdot<Isa>::add(acc, w, x, stride);
  }
};

}  // namespace galago::cpu::dotprod
