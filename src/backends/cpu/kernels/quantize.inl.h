// f32 rows to int8 in groups of 32, and the loads and stores of rows whose length is no multiple of the lanes.
#pragma once

#include "backends/cpu/kernel_args.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

// The next lanes of a row of which `left` elements remain; 0 beyond its end.
template <class Isa>
GALAGO_INLINE typename Isa::F32 load_row(const float* p, std::int64_t left) {
  if (left >= Isa::kLanes) return Isa::load(p);
  return left > 0 ? Isa::load_part(p, left) : Isa::zero();
}

template <class Isa>
GALAGO_INLINE void store_row(float* p, typename Isa::F32 v, std::int64_t left) {
  if (left >= Isa::kLanes) return Isa::store(p, v);
  if (left > 0) Isa::store_part(p, v, left);
}

// 32 values in registers to one block. The codes are round(x / (absmax / 127)); the scale is then the one that fits
// them best, sum(x code) / sum(code^2), which takes a thirty-second part of the error away.
template <class Isa>
GALAGO_INLINE void quantize_group(const typename Isa::F32* values, QuantBlock* out) {
  using F32 = typename Isa::F32;
  constexpr int kVectors = kQuantGroup / Isa::kLanes;
  F32 largest = Isa::abs(values[0]);
  GALAGO_UNROLL
  for (int i = 1; i < kVectors; ++i) largest = Isa::max(largest, Isa::abs(values[i]));
  const float absmax = Isa::maximum(largest);
  // Below 1e-35 the inverse would leave the range of f32; such a group is zero for all that follows.
  const bool empty = absmax < 1e-35f;
  const F32 inverse = Isa::set1(empty ? 0.0f : 127.0f / absmax);
  typename Isa::I32 sums[2] = {Isa::set1_i32(0), Isa::set1_i32(0)}, squares = Isa::set1_i32(0);
  F32 products = Isa::zero();
  GALAGO_UNROLL
  for (int i = 0; i < kVectors; ++i) {
    // The limits matter to NaN and infinity alone: their codes, too, must stay within +-127 (see dot_signed).
    F32 code = Isa::max(Isa::mul(values[i], inverse), Isa::set1(-127.0f));
    code = Isa::round(Isa::min(code, Isa::set1(127.0f)));
    const auto whole = Isa::to_i32(code);
    Isa::store_i8(out->codes + i * Isa::kLanes, whole);
    sums[i * 2 / kVectors] = Isa::add_i32(sums[i * 2 / kVectors], whole);
    squares = Isa::add_i32(squares, Isa::mul_i32(whole, whole));
    products = Isa::fma(values[i], code, products);
  }
  const float scale = empty ? 0.0f : Isa::sum(products) / static_cast<float>(Isa::sum_i32(squares));
  const std::int32_t high = Isa::sum_i32(sums[1]), total = Isa::sum_i32(sums[0]) + high;
  out->scale = scale;
  out->scaled_sum = scale * static_cast<float>(total);
  out->bias = -8 * total;
  out->high_bias = -8 * high;
}

template <class Isa>
void quantize_rows(const QuantizeArgs& a) {
  constexpr int kVectors = kQuantGroup / Isa::kLanes;
  for (std::int64_t row = a.first_row; row < a.last_row; ++row) {
    const float* x = a.x + row * a.x_stride;
    QuantBlock* y = a.y + row * a.y_stride;
    for (std::int64_t k = 0; k < a.cols; k += kQuantGroup, ++y) {
      typename Isa::F32 values[kVectors];
      GALAGO_UNROLL
      for (int i = 0; i < kVectors; ++i) {
        const std::int64_t at = k + i * Isa::kLanes;
        values[i] = load_row<Isa>(x + at, a.cols - at);
      }
      quantize_group<Isa>(values, y);
    }
  }
}

}  // namespace galago::cpu
