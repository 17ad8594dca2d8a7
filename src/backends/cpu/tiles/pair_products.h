// The inner loop of AVX-512's products of pairs of 16-bit numbers: 16 vectors of sums stay in registers, and a pair of
// k takes two loads of weights and eight broadcasts of x for 16 products.
#pragma once

#include <immintrin.h>

#include "backends/cpu/kernels/pair_panel.inl.h"
#include "backends/cpu/kernels/row_bases.inl.h"

namespace galago::cpu {

constexpr int kPairRows = 8;

// dot(sums[r][t], pairs of x's row r, pairs of tile t of w), in order of k. x: rows `stride` numbers
// apart; w: a panel of pair_panel.inl.h.
template <class Isa, class Sum, class Dot>
GALAGO_INLINE void add_pair_products(const std::uint16_t* x, std::int64_t stride, const std::uint16_t* w,
                                     std::int64_t steps, Sum (&sums)[kPairRows][2], const Dot& dot) {
  RowBases<Isa, std::uint16_t, kPairRows> rows(x, stride);
  for (std::int64_t step = 0; step < steps; ++step, w += 2 * kPairTile) {
    for (int pair = 0; pair < 16; ++pair) {
      const __m512i left = _mm512_loadu_si512(w + pair * kPairStep);
      const __m512i right = _mm512_loadu_si512(w + kPairTile + pair * kPairStep);
      GALAGO_UNROLL
      for (int r = 0; r < kPairRows; ++r) {
        int bits;
        __builtin_memcpy(&bits, rows.row(r), 4);
        const __m512i value = _mm512_set1_epi32(bits);
        dot(sums[r][0], value, left);
        dot(sums[r][1], value, right);
      }
      rows.template advance<2>();
    }
  }
}

}  // namespace galago::cpu
