// NEON as every 64-bit Arm has it (Cortex-A53 and later).
#pragma once

#include "backends/cpu/isa/neon/ops.h"

namespace galago::cpu::neon {

struct Isa : NeonOps<Isa> {
  static constexpr const char* kName = "neon";
  static constexpr int kIntRows = 4;

  // Row by row: the broadcast activations of one row fill 8 registers, which the 16 columns share.
  template <int kBits, int n, int kRows>
  static GALAGO_INLINE void dot(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      I32 row[1] = {acc[r]};
      NeonOps<Isa>::template dot<kBits, n>(row, w, x + r * stride, stride);
      acc[r] = row[0];
    }
  }
  // smull and smlal add products in 16 bits as long as they fit, sadalp widens neighbours to 32.
  template <int kBits, int n, int kRows>
  static GALAGO_INLINE void multiply_add(int32x4_t (&acc)[kRows], const int8x16_t (&w)[n], const std::int8_t* x,
                                         std::int64_t stride) {
    constexpr int kLargest = kBits == 8 ? 128 : (1 << kBits) - 1, kFit = 32767 / (kLargest * 127);
    constexpr int kSums = kFit < n ? kFit : n;
    static_assert(kFit >= 1 && n % kSums == 0);
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r, x += stride) {
      int32x4_t low_sums = vdupq_n_s32(0), high_sums = vdupq_n_s32(0);
      GALAGO_UNROLL
      for (int j = 0; j < n; j += kSums) {
        int8x16_t codes = broadcast4(x + 4 * j);
        int16x8_t low = vmull_s8(vget_low_s8(w[j]), vget_low_s8(codes)), high = vmull_high_s8(w[j], codes);
        GALAGO_UNROLL
        for (int s = 1; s < kSums; ++s) {
          codes = broadcast4(x + 4 * (j + s));
          low = vmlal_s8(low, vget_low_s8(w[j + s]), vget_low_s8(codes));
          high = vmlal_high_s8(high, w[j + s], codes);
        }
        low_sums = vpadalq_s16(low_sums, low);
        high_sums = vpadalq_s16(high_sums, high);
      }
      acc[r] = vaddq_s32(acc[r], vpaddq_s32(low_sums, high_sums));
    }
  }

 private:
  static GALAGO_INLINE int8x16_t broadcast4(const std::int8_t* x) {
    std::int32_t word;
    __builtin_memcpy(&word, x, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(word));
  }
};

}  // namespace galago::cpu::neon
