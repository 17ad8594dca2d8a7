// bfmmla: (2, 2) sums from (2, 4) of x and (4, 2) of weights. What linear_bf16 multiplies at a time, (32, 32) sums over
// 32 k, is first zipped into such parts (4 KiB, in L1), each of which then serves 16 of them: 256 instructions beside
// 2048 bfmmla. A template over the Isa, so that every symbol names the one it was compiled for.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernel_functions.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

template <class Isa>
struct BfmmlaTiles {
  static constexpr Bf16Tiles kServes = Bf16Tiles::kAllWeights;

  static GALAGO_INLINE void configure() {}
  static GALAGO_INLINE void release() {}

  // As AmxTiles::multiply.
  static GALAGO_INLINE void multiply(const std::uint16_t* x, std::int64_t x_stride, const std::uint16_t* w,
                                     std::int64_t steps, float* sums, std::int64_t sums_stride) {
    float32x4_t acc[16][16];                   // of rows 2 r and 2 r + 1, columns 2 c and 2 c + 1
    bfloat16x8_t rows[16][8], columns[16][8];  // of two rows or columns, 4 k each
    for (int r = 0; r < 16; ++r) load_sums(sums + 2 * r * sums_stride, sums_stride, acc[r]);
    for (std::int64_t step = 0; step < steps; ++step, x += 32, w += 1024) {
      for (int r = 0; r < 16; ++r) zip_rows(x + 2 * r * (x_stride / 2), x_stride / 2, rows[r]);
      for (int c = 0; c < 16; c += 2) zip_columns(w + c / 8 * 512 + c % 8 * 4, columns[c], columns[c + 1]);
      for (int r = 0; r < 16; r += 4) {
        for (int c = 0; c < 16; c += 4) multiply_block(rows + r, columns + c, acc + r, c);
      }
    }
    for (int r = 0; r < 16; ++r) store_sums(acc[r], sums + 2 * r * sums_stride, sums_stride);
  }

  // y = x, rounded to nearest even.
  static GALAGO_INLINE void store_narrow(std::uint16_t* y, const typename Isa::F32& x) {
    vst1q_u16(y, vreinterpretq_u16_bf16(narrow(x.a, x.b)));
    vst1q_u16(y + 8, vreinterpretq_u16_bf16(narrow(x.c, x.d)));
  }
  // Pair n is (even[n], odd[n]).
  static GALAGO_INLINE void store_pairs(std::uint16_t* y, const typename Isa::F32& even, const typename Isa::F32& odd) {
    vst1q_u16(y, pairs(even.a, odd.a));
    vst1q_u16(y + 8, pairs(even.b, odd.b));
    vst1q_u16(y + 16, pairs(even.c, odd.c));
    vst1q_u16(y + 24, pairs(even.d, odd.d));
  }

 private:
  // 8 x 8 sums, which stay in registers.
  static GALAGO_INLINE void multiply_block(const bfloat16x8_t (*rows)[8], const bfloat16x8_t (*columns)[8],
                                           float32x4_t (*acc)[16], int c) {
    float32x4_t sums[4][4];
    GALAGO_UNROLL
    for (int i = 0; i < 16; ++i) sums[i / 4][i % 4] = acc[i / 4][c + i % 4];
    for (int k = 0; k < 8; ++k) {
      GALAGO_UNROLL
      for (int i = 0; i < 16; ++i) {
        sums[i / 4][i % 4] = vbfmmlaq_f32(sums[i / 4][i % 4], rows[i / 4][k], columns[i % 4][k]);
      }
    }
    GALAGO_UNROLL
    for (int i = 0; i < 16; ++i) acc[i / 4][c + i % 4] = sums[i / 4][i % 4];
  }
  // 32 k of two rows.
  static GALAGO_INLINE void zip_rows(const std::uint16_t* x, std::int64_t stride, bfloat16x8_t (&rows)[8]) {
    GALAGO_UNROLL
    for (int i = 0; i < 4; ++i) {
      const uint64x2_t upper = vreinterpretq_u64_u16(vld1q_u16(x + 8 * i));
      const uint64x2_t lower = vreinterpretq_u64_u16(vld1q_u16(x + stride + 8 * i));
      rows[2 * i] = vreinterpretq_bf16_u64(vzip1q_u64(upper, lower));
      rows[2 * i + 1] = vreinterpretq_bf16_u64(vzip2q_u64(upper, lower));
    }
  }
  // 32 k of four columns, which lie as pairs of k, 16 columns to a line.
  static GALAGO_INLINE void zip_columns(const std::uint16_t* w, bfloat16x8_t (&left)[8], bfloat16x8_t (&right)[8]) {
    GALAGO_UNROLL
    for (int i = 0; i < 8; ++i) {
      const uint32x4_t near = vreinterpretq_u32_u16(vld1q_u16(w + 64 * i));
      const uint32x4_t far = vreinterpretq_u32_u16(vld1q_u16(w + 64 * i + 32));
      left[i] = vreinterpretq_bf16_u32(vzip1q_u32(near, far));
      right[i] = vreinterpretq_bf16_u32(vzip2q_u32(near, far));
    }
  }
  // Two rows of 32 sums.
  static GALAGO_INLINE void load_sums(const float* sums, std::int64_t stride, float32x4_t (&acc)[16]) {
    GALAGO_UNROLL
    for (int i = 0; i < 8; ++i) {
      const float64x2_t upper = vreinterpretq_f64_f32(vld1q_f32(sums + 4 * i));
      const float64x2_t lower = vreinterpretq_f64_f32(vld1q_f32(sums + stride + 4 * i));
      acc[2 * i] = vreinterpretq_f32_f64(vzip1q_f64(upper, lower));
      acc[2 * i + 1] = vreinterpretq_f32_f64(vzip2q_f64(upper, lower));
    }
  }
  static GALAGO_INLINE void store_sums(const float32x4_t (&acc)[16], float* sums, std::int64_t stride) {
    GALAGO_UNROLL
    for (int i = 0; i < 8; ++i) {
      const float64x2_t left = vreinterpretq_f64_f32(acc[2 * i]), right = vreinterpretq_f64_f32(acc[2 * i + 1]);
      vst1q_f32(sums + 4 * i, vreinterpretq_f32_f64(vzip1q_f64(left, right)));
      vst1q_f32(sums + stride + 4 * i, vreinterpretq_f32_f64(vzip2q_f64(left, right)));
    }
  }
  static GALAGO_INLINE bfloat16x8_t narrow(float32x4_t low, float32x4_t high) {
    return vcvtq_high_bf16_f32(vcvtq_low_bf16_f32(low), high);
  }
  static GALAGO_INLINE uint16x8_t pairs(float32x4_t even, float32x4_t odd) {
    return vreinterpretq_u16_bf16(narrow(vzip1q_f32(even, odd), vzip2q_f32(even, odd)));
  }
};

}  // namespace galago::cpu
