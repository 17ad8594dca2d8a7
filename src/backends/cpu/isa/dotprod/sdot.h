// sdot: four products of signed bytes added to each lane, where the four activations are a lane of a register of 16.
#pragma once

#include <arm_neon.h>

#include "backends/cpu/kernel_args.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

template <class Isa>
struct Sdot {
  template <int n, int kRows>
  static GALAGO_INLINE void add(int32x4_t (&acc)[kRows], const int8x16_t (&w)[n], const std::int8_t* x,
                                std::int64_t stride) {
    static_assert(n % 4 == 0);
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r, x += stride) {
      GALAGO_UNROLL
      for (int j = 0; j < n; j += 4) {
        const int8x16_t codes = vld1q_s8(x + 4 * j);
        acc[r] = vdotq_laneq_s32(acc[r], w[j], codes, 0);
        acc[r] = vdotq_laneq_s32(acc[r], w[j + 1], codes, 1);
        acc[r] = vdotq_laneq_s32(acc[r], w[j + 2], codes, 2);
        acc[r] = vdotq_laneq_s32(acc[r], w[j + 3], codes, 3);
      }
    }
  }
};

}  // namespace galago::cpu
