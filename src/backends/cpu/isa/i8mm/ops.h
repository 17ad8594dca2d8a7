// NEON with the matrix multiplication of signed bytes. A template over the Isa, as NeonOps.
#pragma once

#include "backends/cpu/isa/dotprod/sdot.h"
#include "backends/cpu/isa/neon/ops.h"

namespace galago::cpu {

template <class Isa>
struct I8mmOps : NeonOps<Isa> {
  // smmla multiplies 2 x 8 by 8 x 2. The tiles hold 4 rows x 4 k in a register, for sdot's sake; two of them are zipped
  // to two of 2 rows x 8 k, and so are two rows of x (once for the 16 columns: the compiler sees that they are the
  // same).
  template <int kBits, int n, int kRows>
  static GALAGO_INLINE void multiply_add(int32x4_t (&acc)[kRows], const int8x16_t (&w)[n], const std::int8_t* x,
                                         std::int64_t stride) {
    if constexpr (kRows == 1) {
      Sdot<Isa>::add(acc, w, x, stride);
    } else {
      static_assert(n % 4 == 0);
      int8x16_t zipped[n];
      GALAGO_UNROLL
      for (int j = 0; j < n; j += 2) {
        const int32x4_t near = vreinterpretq_s32_s8(w[j]), far = vreinterpretq_s32_s8(w[j + 1]);
        zipped[j] = vreinterpretq_s8_s32(vzip1q_s32(near, far));
        zipped[j + 1] = vreinterpretq_s8_s32(vzip2q_s32(near, far));
      }
      GALAGO_UNROLL
      for (int r = 0; r + 1 < kRows; r += 2) {
        const std::int8_t* codes = x + r * stride;
        int32x4_t left = vdupq_n_s32(0), right = left;  // columns 0 and 1, 2 and 3, of both rows
        GALAGO_UNROLL
        for (int j = 0; j < n; j += 4) {
          const int64x2_t upper = vreinterpretq_s64_s8(vld1q_s8(codes + 4 * j));
          const int64x2_t lower = vreinterpretq_s64_s8(vld1q_s8(codes + stride + 4 * j));
          const int8x16_t near = vreinterpretq_s8_s64(vzip1q_s64(upper, lower));
          const int8x16_t far = vreinterpretq_s8_s64(vzip2q_s64(upper, lower));
          left = vmmlaq_s32(left, near, zipped[j]);
          right = vmmlaq_s32(right, near, zipped[j + 1]);
          left = vmmlaq_s32(left, far, zipped[j + 2]);
          right = vmmlaq_s32(right, far, zipped[j + 3]);
        }
        const int64x2_t l = vreinterpretq_s64_s32(left), m = vreinterpretq_s64_s32(right);
        acc[r] = vaddq_s32(acc[r], vreinterpretq_s32_s64(vzip1q_s64(l, m)));
        acc[r + 1] = vaddq_s32(acc[r + 1], vreinterpretq_s32_s64(vzip2q_s64(l, m)));
      }
      if constexpr (kRows % 2 == 1) {
        int32x4_t last[1] = {acc[kRows - 1]};
        Sdot<Isa>::add(last, w, x + (kRows - 1) * stride, stride);
        acc[kRows - 1] = last[0];
      }
    }
  }
};

}  // namespace galago::cpu
