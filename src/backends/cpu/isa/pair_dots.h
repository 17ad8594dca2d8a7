// Integer dot products from vpmaddubsw, which multiplies unsigned by signed bytes and adds two products in 16 bits with
// saturation: for x86 without VNNI. The Isa brings broadcast4, multiply_pairs (vpmaddubsw), add_i16, add_pairs
// (adjacent 16-bit sums to 32 bits) and apply_sign.
#pragma once

#include "backends/cpu/kernel_args.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

template <class Isa>
struct PairDots {
  // kSums results of vpmaddubsw still fit 16 bits, so they are widened only then.
  template <int kBits, int n, int kRows, class I32, class Bytes>
  static GALAGO_INLINE void dot(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    constexpr int kFit = 32767 / (((1 << kBits) - 1) * 127 * 2);
    constexpr int kSums = kFit < n ? kFit : n;
    static_assert(kFit >= 1 && n % kSums == 0);
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r, x += stride) {
      GALAGO_UNROLL
      for (int j = 0; j < n; j += kSums) {
        auto pairs = Isa::multiply_pairs(w[j], Isa::broadcast4(x + 4 * j));
        GALAGO_UNROLL
        for (int s = 1; s < kSums; ++s) {
          pairs = Isa::add_i16(pairs, Isa::multiply_pairs(w[j + s], Isa::broadcast4(x + 4 * (j + s))));
        }
        acc[r] = Isa::add_i32(acc[r], Isa::add_pairs(pairs));
      }
    }
  }
  static constexpr bool kSignedBias = false;
  template <class Bytes>
  static GALAGO_INLINE Bytes prepare_signed(Bytes w) {
    return w;
  }
  // |w| * (sign(w) x): 128 * 127 * 2 = 32512 does not saturate, because codes of x stay within +-127.
  template <int n, int kRows, class I32, class Bytes>
  static GALAGO_INLINE void dot_signed(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    GALAGO_UNROLL
    for (int j = 0; j < n; ++j) {
      const auto magnitude = Isa::abs_bytes(w[j]);
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const auto signed_x = Isa::apply_sign(Isa::broadcast4(x + r * stride + 4 * j), w[j]);
        acc[r] = Isa::add_i32(acc[r], Isa::add_pairs(Isa::multiply_pairs(magnitude, signed_x)));
      }
    }
  }
};

}  // namespace galago::cpu
