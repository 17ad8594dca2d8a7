// AVX2 with FMA and F16C, as of Haswell and Zen.
#pragma once

#include "backends/cpu/isa/avx2/ops.h"
#include "backends/cpu/isa/pair_dots.h"
#include "backends/cpu/isa/pair_words.h"

namespace galago::cpu::avx2 {

struct Isa : Avx2Ops<Isa>, PairDots<Isa> {
  static constexpr const char* kName = "avx2";
  using Wide = PairWords<Isa>;

  static GALAGO_INLINE __m256i multiply_pairs(Bytes w, Bytes x) { return _mm256_maddubs_epi16(w, x); }
  static GALAGO_INLINE __m256i add_i16(__m256i a, __m256i b) { return _mm256_add_epi16(a, b); }
  static GALAGO_INLINE I32 add_pairs(__m256i pairs) { return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }
  static GALAGO_INLINE Bytes abs_bytes(Bytes a) { return _mm256_abs_epi8(a); }
  static GALAGO_INLINE Bytes apply_sign(Bytes a, Bytes sign) { return _mm256_sign_epi8(a, sign); }
  static GALAGO_INLINE Bytes even_words(Bytes a) { return _mm256_srai_epi16(_mm256_slli_epi16(a, 8), 8); }
  static GALAGO_INLINE Bytes odd_words(Bytes a) { return _mm256_srai_epi16(a, 8); }
  static GALAGO_INLINE I32 multiply_words(Bytes a, Bytes b) { return _mm256_madd_epi16(a, b); }
};

}  // namespace galago::cpu::avx2
