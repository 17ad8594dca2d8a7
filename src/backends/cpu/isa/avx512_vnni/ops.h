// What the instruction sets with AVX-512 and VNNI share: vpdpbusd multiplies unsigned by signed bytes and adds four
// products to each lane. A template over the Isa for the reason given in avx512/ops.h.
#pragma once

#include "backends/cpu/isa/avx512/ops.h"

namespace galago::cpu {

template <class Isa>
struct Avx512VnniOps : Avx512Ops<Isa> {
  using typename Avx512Ops<Isa>::Bytes;
  using typename Avx512Ops<Isa>::I32;

  template <int kBits, int n, int kRows>
  static GALAGO_INLINE void dot(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    dot_signed<n>(acc, w, x, stride);
  }
  // w + 128 is unsigned; sums that start at -128 * sum(x) take it out again.
  static constexpr bool kSignedBias = true;
  static GALAGO_INLINE Bytes prepare_signed(Bytes w) {
    return _mm512_xor_si512(w, _mm512_set1_epi8(static_cast<char>(0x80)));
  }
  // vpdpbusd takes 5 cycles to feed the next: rows are interleaved, and few rows add in two chains.
  template <int n, int kRows>
  static GALAGO_INLINE void dot_signed(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    constexpr int kChains = kRows < 4 ? 2 : 1;
    I32 odd[kRows];
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) odd[r] = _mm512_setzero_si512();
    GALAGO_UNROLL
    for (int j = 0; j < n; ++j) {
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) {
        I32& sum = j % kChains == 1 ? odd[r] : acc[r];
        sum = _mm512_dpbusd_epi32(sum, w[j], Avx512Ops<Isa>::broadcast4(x + r * stride + 4 * j));
      }
    }
    GALAGO_UNROLL
    for (int r = 0; kChains == 2 && r < kRows; ++r) acc[r] = _mm512_add_epi32(acc[r], odd[r]);
  }
};

}  // namespace galago::cpu
