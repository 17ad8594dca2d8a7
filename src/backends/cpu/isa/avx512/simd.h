// AVX-512 without VNNI (Skylake): integer dots in two steps, as on AVX2.
#pragma once

#include "backends/cpu/isa/avx512/ops.h"
#include "backends/cpu/isa/pair_dots.h"
#include "backends/cpu/isa/pair_words.h"

namespace galago::cpu::avx512 {

struct Isa : Avx512Ops<Isa>, PairDots<Isa> {
  static constexpr const char* kName = "avx512";
  using Wide = PairWords<Isa>;

  static GALAGO_INLINE __m512i multiply_pairs(Bytes w, Bytes x) { return _mm512_maddubs_epi16(w, x); }
  static GALAGO_INLINE __m512i add_i16(__m512i a, __m512i b) { return _mm512_add_epi16(a, b); }
  static GALAGO_INLINE I32 add_pairs(__m512i pairs) { return _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)); }
  static GALAGO_INLINE Bytes abs_bytes(Bytes a) { return _mm512_abs_epi8(a); }
  // There is no vpsignb of 512 bits; that the sign of 0 is + does not matter here, where |w| is then 0.
  static GALAGO_INLINE Bytes apply_sign(Bytes a, Bytes sign) {
    return _mm512_mask_sub_epi8(a, _mm512_movepi8_mask(sign), _mm512_setzero_si512(), a);
  }
  static GALAGO_INLINE Bytes even_words(Bytes a) { return _mm512_srai_epi16(_mm512_slli_epi16(a, 8), 8); }
  static GALAGO_INLINE Bytes odd_words(Bytes a) { return _mm512_srai_epi16(a, 8); }
  static GALAGO_INLINE I32 multiply_words(Bytes a, Bytes b) { return _mm512_madd_epi16(a, b); }
};

}  // namespace galago::cpu::avx512
