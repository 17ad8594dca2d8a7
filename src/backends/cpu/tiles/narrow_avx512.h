// f32 to bf16 with AVX-512-BF16, for the tiles that read it. A template over the Isa, so that every symbol names the
// one it was compiled for.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "backends/cpu/kernel_functions.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

template <class Isa>
struct NarrowAvx512 {
  // y = x, rounded to nearest even.
  static GALAGO_INLINE void store_bf16(std::uint16_t* y, __m512 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), narrow(x));
  }
  // Pair n is (even[n], odd[n]).
  static GALAGO_INLINE void store_pairs(std::uint16_t* y, __m512 even, __m512 odd) {
    const __m512i low = _mm512_cvtepu16_epi32(narrow(even)), high = _mm512_cvtepu16_epi32(narrow(odd));
    _mm512_storeu_si512(y, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
  }

 private:
  static GALAGO_INLINE __m256i narrow(__m512 x) { return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)); }
};

}  // namespace galago::cpu
