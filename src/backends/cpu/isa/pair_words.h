// Signed weights of 8 bits for many rows, where there is no VNNI: as words, which vpmaddwd multiplies and adds in
// pairs. For 32 products of a lane that is one multiplication less than vpmaddubsw takes with its signs (pair_dots.h),
// and the weights are widened once for all rows. Only what linear_int8 asks of lanes; the sums are those of
// SignedBlock, to the bit. The Isa brings even_words and odd_words (bytes to words, with their signs) and
// multiply_words (vpmaddwd).
#pragma once

#include <immintrin.h>

#include "backends/cpu/isa/two_vectors.h"
#include "backends/cpu/kernels/blocks_int8.inl.h"

namespace galago::cpu {

template <class Isa>
struct PairWords : TwoVectors<Isa> {
  using typename TwoVectors<Isa>::F32;
  using typename TwoVectors<Isa>::I32;
  using typename TwoVectors<Isa>::Bytes;
  static constexpr int kIntRows = 4;
  static constexpr int kSteps = 16;  // pairs of 32 k: 0 and 2, 4 and 6, ...; then 1 and 3, 5 and 7, ...

  struct Block {
    Bytes w[kSteps];
    F32 scale;

    template <int kRows>
    GALAGO_INLINE void accumulate(F32 (&acc)[kRows], const QuantBlock* x, std::int64_t stride) const {
      alignas(64) std::int8_t pairs[kRows][4 * kSteps];
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) widen(x[r * stride].codes, pairs[r]);
      asm("" : "+m"(pairs));  // g++ would take the pairs out of registers again, with two shuffles each
      I32 sums[kRows];
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) sums[r] = PairWords::set1_i32(0);
      GALAGO_UNROLL
      for (int j = 0; j < kSteps; ++j) {
        GALAGO_UNROLL
        for (int r = 0; r < kRows; ++r) {
          const auto pair = Isa::broadcast4(pairs[r] + 4 * j);
          sums[r] = PairWords::add_i32(sums[r],
                                       {Isa::multiply_words(w[j].first, pair), Isa::multiply_words(w[j].second, pair)});
          asm("" : "+v"(sums[r].first), "+v"(sums[r].second));  // g++ would add in a tree, whose leaves fill the stack
        }
      }
      add_scaled<PairWords>(acc, sums, scale, x, stride);
    }

   private:
    static GALAGO_INLINE void widen(const std::int8_t* codes, std::int8_t* to) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes));
      const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), odd = _mm256_srai_epi16(bytes, 8);
      _mm256_store_si256(reinterpret_cast<__m256i*>(to), even);
      _mm256_store_si256(reinterpret_cast<__m256i*>(to + 32), odd);
    }
  };

  // The same 32 k of neighbouring lanes.
  static GALAGO_INLINE Block join(const SignedBlock<Isa>& first, const SignedBlock<Isa>& second) {
    Block both;
    GALAGO_UNROLL
    for (int j = 0; j < 8; ++j) {
      both.w[j] = {Isa::even_words(first.w[j]), Isa::even_words(second.w[j])};
      both.w[j + 8] = {Isa::odd_words(first.w[j]), Isa::odd_words(second.w[j])};
    }
    both.scale = {first.scale, second.scale};
    return both;
  }
};

}  // namespace galago::cpu
