// vdpbf16ps: (32, 32) sums as four blocks of (8, 32). A template over the Isa, so that every symbol names the one it
// was compiled for.
#pragma once

#include <cstddef>

#include "backends/cpu/tiles/narrow_avx512.h"
#include "backends/cpu/tiles/pair_products.h"

namespace galago::cpu {

template <class Isa>
struct Vdpbf16Tiles : NarrowAvx512<Isa> {
  // It has half of vpdpbusd's products, so only weights gain that would be multiplied in f32.
  static constexpr Bf16Tiles kServes = Bf16Tiles::kFloatWeights;

  static GALAGO_INLINE void configure() {}
  static GALAGO_INLINE void release() {}

  // As AmxTiles::multiply.
  static GALAGO_INLINE void multiply(const std::uint16_t* x, std::int64_t x_stride, const std::uint16_t* w,
                                     std::int64_t steps, float* sums, std::int64_t sums_stride) {
    for (int row = 0; row < 32; row += kPairRows) {
      multiply_block(x + row * (x_stride / 2), x_stride / 2, w, steps, sums + row * sums_stride, sums_stride);
    }
  }

 private:
  static GALAGO_INLINE void multiply_block(const std::uint16_t* x, std::int64_t stride, const std::uint16_t* w,
                                           std::int64_t steps, float* sums, std::int64_t sums_stride) {
    __m512 acc[kPairRows][2];
    GALAGO_UNROLL
    for (int i = 0; i < 2 * kPairRows; ++i)
      acc[i / 2][i % 2] = _mm512_loadu_ps(sums + i / 2 * sums_stride + i % 2 * 16);
    add_pair_products<Isa>(x, stride, w, steps, acc, [](__m512& sum, __m512i value, __m512i weights) GALAGO_LAMBDA {
      sum = _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(value), reinterpret_cast<__m512bh>(weights));
    });
    GALAGO_UNROLL
    for (int i = 0; i < 2 * kPairRows; ++i)
      _mm512_storeu_ps(sums + i / 2 * sums_stride + i % 2 * 16, acc[i / 2][i % 2]);
  }
};

}  // namespace galago::cpu
