// vpdpwssd: (32, 32) sums of products of 16-bit integers as four blocks of (8, 32). A template over the Isa, so that
// every symbol names the one it was compiled for.
#pragma once

#include "backends/cpu/tiles/pair_products.h"

namespace galago::cpu {

template <class Isa>
struct WordTiles {
  static GALAGO_INLINE void configure() {}
  static GALAGO_INLINE void release() {}

  // sums (32, 32) += (x w) * rows * columns, in whole numbers up to the scales: of each row of x, of each column of w
  // (null: 1). Rows from n_rows on are not asked for. Otherwise as AmxTiles::multiply.
  static GALAGO_INLINE void multiply(const std::uint16_t* x, std::int64_t x_stride, const std::uint16_t* w,
                                     std::int64_t steps, float* sums, std::int64_t sums_stride, const float* rows,
                                     const float* columns, std::int64_t n_rows) {
    for (std::int64_t row = 0; row < 32 && row < n_rows; row += kPairRows) {
      multiply_block(x + row * (x_stride / 2), x_stride / 2, w, steps, sums + row * sums_stride, sums_stride,
                     rows + row, columns);
    }
  }

  // Rounded to nearest.
  static GALAGO_INLINE void store_narrow(std::uint16_t* y, __m512 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(x)));
  }
  // Pair n is (even[n], odd[n]).
  static GALAGO_INLINE void store_pairs(std::uint16_t* y, __m512 even, __m512 odd) {
    const __m512i high = _mm512_slli_epi32(_mm512_cvtps_epi32(odd), 16);
    _mm512_storeu_si512(y, _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_cvtps_epi32(even), high));
  }

 private:
  static GALAGO_INLINE void multiply_block(const std::uint16_t* x, std::int64_t stride, const std::uint16_t* w,
                                           std::int64_t steps, float* sums, std::int64_t sums_stride, const float* rows,
                                           const float* columns) {
    __m512i acc[kPairRows][2];
    GALAGO_UNROLL
    for (int i = 0; i < 2 * kPairRows; ++i) acc[i / 2][i % 2] = _mm512_setzero_si512();
    add_pair_products<Isa>(x, stride, w, steps, acc, [](__m512i& sum, __m512i value, __m512i weights) GALAGO_LAMBDA {
      __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(value), "v"(weights));  // g++ 12 copies the sums of its intrinsic
    });
    GALAGO_UNROLL
    for (int i = 0; i < 2 * kPairRows; ++i) {
      float* to = sums + i / 2 * sums_stride + i % 2 * 16;
      __m512 product = _mm512_cvtepi32_ps(acc[i / 2][i % 2]);
      if (columns != nullptr) product = _mm512_mul_ps(product, _mm512_loadu_ps(columns + i % 2 * 16));
      _mm512_storeu_ps(to, _mm512_fmadd_ps(product, _mm512_set1_ps(rows[i / 2]), _mm512_loadu_ps(to)));
    }
  }
};

}  // namespace galago::cpu
