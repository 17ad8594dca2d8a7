// vdpbf16ps: (32, 32) sums as four blocks of (8, 32), whose 16 vectors of sums stay in registers: a pair of k takes two
// loads of weights and eight broadcasts of x for 16 products. A template over the Isa, so that every symbol names the
// one it was compiled for.
#pragma once

#include <cstddef>

#include "backends/cpu/kernels/row_bases.inl.h"
#include "backends/cpu/tiles/narrow_avx512.h"

namespace galago::cpu {

template <class Isa>
struct Vdpbf16Tiles : NarrowAvx512<Isa> {
  // It has half of vpdpbusd's products, so only weights gain that would be multiplied in f32.
  static constexpr Bf16Tiles kServes = Bf16Tiles::kFloatWeights;

  static GALAGO_INLINE void configure() {}
  static GALAGO_INLINE void release() {}

  // As AmxTiles::multiply.
  static GALAGO_INLINE void multiply(const std::uint16_t* x, std::int64_t x_stride, const std::uint16_t* w,
                                     std::int64_t steps, float* sums) {
    for (int row = 0; row < 32; row += kRows) {
      multiply_block(x + row * (x_stride / 2), x_stride / 2, w, steps, sums + row * 32);
    }
  }

 private:
  static constexpr int kRows = 8;

  static GALAGO_INLINE void multiply_block(const std::uint16_t* x, std::int64_t stride, const std::uint16_t* w,
                                           std::int64_t steps, float* sums) {
    RowBases<Isa, std::uint16_t, kRows> rows(x, stride);
    __m512 acc[kRows][2];
    GALAGO_UNROLL
    for (int i = 0; i < 2 * kRows; ++i) acc[i / 2][i % 2] = _mm512_loadu_ps(sums + 16 * i);
    for (std::int64_t step = 0; step < steps; ++step, w += 1024) {
      for (int pair = 0; pair < 16; ++pair) {
        const __m512i left = _mm512_loadu_si512(w + 32 * pair), right = _mm512_loadu_si512(w + 512 + 32 * pair);
        GALAGO_UNROLL
        for (int r = 0; r < kRows; ++r) {
          const __m512i value = broadcast_pair(rows.row(r));
          acc[r][0] = dot(acc[r][0], value, left);
          acc[r][1] = dot(acc[r][1], value, right);
        }
        rows.template advance<2>();
      }
    }
    GALAGO_UNROLL
    for (int i = 0; i < 2 * kRows; ++i) _mm512_storeu_ps(sums + 16 * i, acc[i / 2][i % 2]);
  }
  static GALAGO_INLINE __m512i broadcast_pair(const std::uint16_t* x) {
    int pair;
    __builtin_memcpy(&pair, x, 4);
    return _mm512_set1_epi32(pair);
  }
  static GALAGO_INLINE __m512 dot(__m512 sum, __m512i x, __m512i w) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(w));
  }
};

}  // namespace galago::cpu
