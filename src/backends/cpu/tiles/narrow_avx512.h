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
  static GALAGO_INLINE void store_narrow(std::uint16_t* y, __m512 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), narrow(x));
  }
  // Pair n is (even[n], odd[n]).
  static GALAGO_INLINE void store_pairs(std::uint16_t* y, __m512 even, __m512 odd) {
    const __m512i order =
        _mm512_set_epi32(0x1f000f, 0x1e000e, 0x1d000d, 0x1c000c, 0x1b000b, 0x1a000a, 0x190009, 0x180008, 0x170007,
                         0x160006, 0x150005, 0x140004, 0x130003, 0x120002, 0x110001, 0x100000);
    const __m512bh both = _mm512_cvtne2ps_pbh(odd, even);
    _mm512_storeu_si512(y, _mm512_permutexvar_epi16(order, reinterpret_cast<__m512i>(both)));
  }

 private:
  static GALAGO_INLINE __m256i narrow(__m512 x) { return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)); }
};

}  // namespace galago::cpu
