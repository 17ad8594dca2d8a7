// Signed weights of 8 bits for many rows, where there is no VNNI: as words, which vpmaddwd multiplies and adds in
// pairs. For 32 products of a lane that is one multiplication less than vpmaddubsw takes with its signs (pair_dots.h),
// and the weights are widened once for all rows. Only what linear_int8 asks of lanes; the sums are those of
// SignedBlock, to the bit. The Isa brings even_words and odd_words (bytes to words, with their signs) and
// multiply_words (vpmaddwd).
#pragma once

#include <immintrin.h>

#include "backends/cpu/kernels/blocks_int8.inl.h"

namespace galago::cpu {

template <class Isa>
struct PairWords {
  struct F32 {
    typename Isa::F32 first, second;
  };
  static constexpr int kLanes = 2 * Isa::kLanes;
  static constexpr int kIntRows = 4;

  static GALAGO_INLINE F32 load(const float* p) { return {Isa::load(p), Isa::load(p + Isa::kLanes)}; }
  static GALAGO_INLINE void store(float* p, F32 v) {
    Isa::store(p, v.first);
    Isa::store(p + Isa::kLanes, v.second);
  }

  static constexpr int kSteps = 16;  // pairs of 32 k: 0 and 2, 1 and 3, 4 and 6, ...

  struct Block {
    struct Pair {
      typename Isa::Bytes first, second;
    };
    Pair w[kSteps];
    typename Isa::F32 scale[2];

    template <int kRows>
    GALAGO_INLINE void accumulate(F32 (&acc)[kRows], const QuantBlock* x, std::int64_t stride) const {
      alignas(64) std::int8_t pairs[kRows][4 * kSteps];
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) widen(x[r * stride].codes, pairs[r]);
      asm("" : "+m"(pairs));  // g++ would take the pairs out of registers again, with two shuffles each
      typename Isa::I32 first[kRows], second[kRows];
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) first[r] = second[r] = Isa::set1_i32(0);
      GALAGO_UNROLL
      for (int j = 0; j < kSteps; ++j) {
        GALAGO_UNROLL
        for (int r = 0; r < kRows; ++r) {
          const auto pair = Isa::broadcast4(pairs[r] + 4 * j);
          first[r] = Isa::add_i32(first[r], Isa::multiply_words(w[j].first, pair));
          second[r] = Isa::add_i32(second[r], Isa::multiply_words(w[j].second, pair));
          asm("" : "+v"(first[r]), "+v"(second[r]));  // g++ would add in a tree, whose leaves fill the stack
        }
      }
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const auto x_scale = Isa::set1(x[r * stride].scale);
        acc[r].first = Isa::fma(Isa::to_f32(first[r]), Isa::mul(scale[0], x_scale), acc[r].first);
        acc[r].second = Isa::fma(Isa::to_f32(second[r]), Isa::mul(scale[1], x_scale), acc[r].second);
      }
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
    both.scale[0] = first.scale;
    both.scale[1] = second.scale;
    return both;
  }
};

}  // namespace galago::cpu
