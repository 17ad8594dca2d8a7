// AVX-512 without VNNI (Skylake): integer dots in two steps, as on AVX2.
#pragma once

#include "backends/cpu/isa/avx512/ops.h"

namespace galago::cpu::avx512 {

struct Isa : Avx512Ops<Isa> {
  static constexpr const char* kName = "avx512";

  // vpmaddubsw adds two products in 16 bits; kSums of its results still fit, so they are widened only then.
  template <int kBits, int n>
  static GALAGO_INLINE I32 dot(I32 acc, const Bytes* w, const std::int8_t* x) {
    constexpr int kFit = 32767 / (((1 << kBits) - 1) * 127 * 2);
    constexpr int kSums = kFit < n ? kFit : n;
    static_assert(kFit >= 1 && n % kSums == 0);
    GALAGO_UNROLL
    for (int j = 0; j < n; j += kSums) {
      __m512i pairs = _mm512_maddubs_epi16(w[j], broadcast4(x + 4 * j));
      GALAGO_UNROLL
      for (int s = 1; s < kSums; ++s) {
        pairs = _mm512_add_epi16(pairs, _mm512_maddubs_epi16(w[j + s], broadcast4(x + 4 * (j + s))));
      }
      acc = _mm512_add_epi32(acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
    }
    return acc;
  }
  static GALAGO_INLINE Bytes prepare_signed(Bytes w) { return w; }
  // |w| * (sign(w) x): 128 * 127 * 2 = 32512 does not saturate, because codes of x stay within +-127.
  template <int n>
  static GALAGO_INLINE I32 dot_signed(const std::int32_t*, const Bytes* w, const std::int8_t* x) {
    I32 acc = _mm512_setzero_si512();
    GALAGO_UNROLL
    for (int j = 0; j < n; ++j) {
      const __m512i wide = broadcast4(x + 4 * j);
      const __m512i signed_x = _mm512_mask_sub_epi8(wide, _mm512_movepi8_mask(w[j]), _mm512_setzero_si512(), wide);
      const __m512i pairs = _mm512_maddubs_epi16(_mm512_abs_epi8(w[j]), signed_x);
      acc = _mm512_add_epi32(acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
    }
    return acc;
  }
};

}  // namespace galago::cpu::avx512
