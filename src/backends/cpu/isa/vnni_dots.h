// Integer dot products from vpdpbusd, which multiplies unsigned by signed bytes and adds four products to each lane.
// The Isa brings broadcast4, flip_signs (adds 128 to each byte) and multiply_add (vpdpbusd).
#pragma once

#include "backends/cpu/kernel_args.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

template <class Isa>
struct VnniDots {
  template <int kBits, int n, int kRows, class I32, class Bytes>
  static GALAGO_INLINE void dot(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    dot_signed<n>(acc, w, x, stride);
  }
  // w + 128 is unsigned; sums that start at -128 * sum(x) take it out again.
  static constexpr bool kSignedBias = true;
  template <class Bytes>
  static GALAGO_INLINE Bytes prepare_signed(Bytes w) {
    return Isa::flip_signs(w);
  }
  // vpdpbusd takes 5 cycles to feed the next: rows are interleaved, and few rows add in two chains.
  template <int n, int kRows, class I32, class Bytes>
  static GALAGO_INLINE void dot_signed(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    constexpr int kChains = kRows < 4 ? 2 : 1;
    I32 odd[kRows];
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) odd[r] = Isa::set1_i32(0);
    GALAGO_UNROLL
    for (int j = 0; j < n; ++j) {
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) {
        I32& sum = j % kChains == 1 ? odd[r] : acc[r];
        sum = Isa::multiply_add(sum, w[j], Isa::broadcast4(x + r * stride + 4 * j));
      }
    }
    GALAGO_UNROLL
    for (int r = 0; kChains == 2 && r < kRows; ++r) acc[r] = Isa::add_i32(acc[r], odd[r]);
  }
};

}  // namespace galago::cpu
