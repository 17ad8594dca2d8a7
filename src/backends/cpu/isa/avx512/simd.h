// AVX-512 without VNNI (Skylake): integer dots in two steps, as on AVX2.
#pragma once

#include "backends/cpu/isa/avx512/ops.h"

namespace galago::cpu::avx512 {

struct Isa : Avx512Ops<Isa> {
  static constexpr const char* kName = "avx512";

  // vpmaddubsw adds two products in 16 bits; kSums of its results still fit, so they are widened only then.
  template <int kBits, int n, int kRows>
  static GALAGO_INLINE void dot(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    constexpr int kFit = 32767 / (((1 << kBits) - 1) * 127 * 2);
    constexpr int kSums = kFit < n ? kFit : n;
    static_assert(kFit >= 1 && n % kSums == 0);
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r, x += stride) {
      GALAGO_UNROLL
      for (int j = 0; j < n; j += kSums) {
        __m512i pairs = _mm512_maddubs_epi16(w[j], broadcast4(x + 4 * j));
        GALAGO_UNROLL
        for (int s = 1; s < kSums; ++s) {
          pairs = _mm512_add_epi16(pairs, _mm512_maddubs_epi16(w[j + s], broadcast4(x + 4 * (j + s))));
        }
        acc[r] = _mm512_add_epi32(acc[r], _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
      }
    }
  }
  static constexpr bool kSignedBias = false;
  static GALAGO_INLINE Bytes prepare_signed(Bytes w) { return w; }
  // |w| * (sign(w) x): 128 * 127 * 2 = 32512 does not saturate, because codes of x stay within +-127.
  template <int n, int kRows>
  static GALAGO_INLINE void dot_signed(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    GALAGO_UNROLL
    for (int j = 0; j < n; ++j) {
      const __m512i magnitude = _mm512_abs_epi8(w[j]);
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const __m512i wide = broadcast4(x + r * stride + 4 * j);
        const __m512i signed_x = _mm512_mask_sub_epi8(wide, _mm512_movepi8_mask(w[j]), _mm512_setzero_si512(), wide);
        const __m512i pairs = _mm512_maddubs_epi16(magnitude, signed_x);
        acc[r] = _mm512_add_epi32(acc[r], _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
      }
    }
  }
};

}  // namespace galago::cpu::avx512
