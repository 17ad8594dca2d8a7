// What the instruction sets with AVX-512 and VNNI share. A template over the Isa for the reason given in avx512/ops.h.
#pragma once

#include "backends/cpu/isa/avx512/ops.h"
#include "backends/cpu/isa/avx512_vnni/two_tiles.h"
#include "backends/cpu/isa/vnni_dots.h"

namespace galago::cpu {

template <class Isa>
struct Avx512VnniOps : Avx512Ops<Isa>, VnniDots<Isa> {
  using typename Avx512Ops<Isa>::Bytes;
  using typename Avx512Ops<Isa>::I32;
  using Wide = TwoTiles<Isa>;

  static GALAGO_INLINE I32 multiply_add(I32 sum, Bytes w, Bytes x) { return _mm512_dpbusd_epi32(sum, w, x); }
  static GALAGO_INLINE Bytes flip_signs(Bytes a) {
    return _mm512_xor_si512(a, _mm512_set1_epi8(static_cast<char>(0x80)));
  }
};

}  // namespace galago::cpu
