// AVX-512 with VNNI: vpdpbusd multiplies unsigned by signed bytes and adds four products to each lane.
#pragma once

#include "backends/cpu/isa/avx512/ops.h"

namespace galago::cpu::avx512_vnni {

struct Isa : Avx512Ops<Isa> {
  static constexpr const char* kName = "avx512_vnni";

  template <int kBits, int n>
  static GALAGO_INLINE I32 dot(I32 acc, const Bytes* w, const std::int8_t* x) {
    GALAGO_UNROLL
    for (int j = 0; j < n; ++j) acc = _mm512_dpbusd_epi32(acc, w[j], broadcast4(x + 4 * j));
    return acc;
  }
  // w + 128 is unsigned; bias * 16 is -128 * sum(x), which takes the 128 out again.
  static GALAGO_INLINE Bytes prepare_signed(Bytes w) {
    return _mm512_xor_si512(w, _mm512_set1_epi8(static_cast<char>(0x80)));
  }
  template <int n>
  static GALAGO_INLINE I32 dot_signed(const std::int32_t* bias, const Bytes* w, const std::int8_t* x) {
    I32 acc = shift_left_i32<4>(load1_i32(bias));
    GALAGO_UNROLL
    for (int j = 0; j < n; ++j) acc = _mm512_dpbusd_epi32(acc, w[j], broadcast4(x + 4 * j));
    return acc;
  }
};

}  // namespace galago::cpu::avx512_vnni
