// AVX2 with vpdpbusd of 256 bits. A template over the Isa, as Avx2Ops.
#pragma once

#include "backends/cpu/isa/avx2/ops.h"
#include "backends/cpu/isa/vnni_dots.h"

namespace galago::cpu {

template <class Isa>
struct AvxVnniOps : Avx2Ops<Isa>, VnniDots<Isa> {
  using typename Avx2Ops<Isa>::Bytes;
  using typename Avx2Ops<Isa>::I32;

  static GALAGO_INLINE I32 multiply_add(I32 sum, Bytes w, Bytes x) {
#if defined(__AVXVNNI__)
    return _mm256_dpbusd_avx_epi32(sum, w, x);
#else  // the same instruction in AVX-512's encoding
    return _mm256_dpbusd_epi32(sum, w, x);
#endif
  }
  static GALAGO_INLINE Bytes flip_signs(Bytes a) {
    return _mm256_xor_si256(a, _mm256_set1_epi8(static_cast<char>(0x80)));
  }
};

}  // namespace galago::cpu
