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

// Groups of 32 whose work is interleaved: what reduces a group to a number is a chain of instructions that wait for
// each other. As many as fill eight vectors.
template <class Isa>
inline constexpr int kGroupsTogether = Isa::kLanes >= kQuantGroup / 8 ? 8 * Isa::kLanes / kQuantGroup : 1;

// kGroups times 32 values in registers to blocks `apart` from each other. The codes are round(x / (absmax / 127)); the
// scale is then the one that fits them best, sum(x code) / sum(code^2), which takes a thirty-second part of the error
// away.
template <class Isa, int kGroups, int kVectors = kQuantGroup / Isa::kLanes>
GALAGO_INLINE void quantize_groups(const typename Isa::F32 (&values)[kGroups][kVectors], QuantBlock* out,
                                   std::int64_t apart) {
  using F32 = typename Isa::F32;
  bool empty[kGroups];
  F32 inverse[kGroups];
  GALAGO_UNROLL
  for (int g = 0; g < kGroups; ++g) {
    F32 largest = Isa::abs(values[g][0]);
    GALAGO_UNROLL
    for (int i = 1; i < kVectors; ++i) largest = Isa::max(largest, Isa::abs(values[g][i]));
    const float absmax = Isa::maximum(largest);
    // Below 1e-35 the inverse would leave the range of f32; such a group is zero for all that follows.
    empty[g] = absmax < 1e-35f;
    inverse[g] = Isa::set1(empty[g] ? 0.0f : 127.0f / absmax);
  }
  typename Isa::I32 sums[kGroups][2], squares[kGroups];
  F32 products[kGroups];
  GALAGO_UNROLL
  for (int g = 0; g < kGroups; ++g) {
    sums[g][0] = sums[g][1] = squares[g] = Isa::set1_i32(0);
    products[g] = Isa::zero();
    GALAGO_UNROLL
    for (int i = 0; i < kVectors; ++i) {
      // The limits matter to NaN and infinity alone: their codes, too, must stay within +-127 (see dot_signed).
      F32 code = Isa::max(Isa::mul(values[g][i], inverse[g]), Isa::set1(-127.0f));
      code = Isa::round(Isa::min(code, Isa::set1(127.0f)));
      const auto whole = Isa::to_i32(code);
      Isa::store_i8(out[g * apart].codes + i * Isa::kLanes, whole);
      sums[g][i * 2 / kVectors] = Isa::add_i32(sums[g][i * 2 / kVectors], whole);
      squares[g] = Isa::add_i32(squares[g], Isa::mul_i32(whole, whole));
      products[g] = Isa::fma(values[g][i], code, products[g]);
    }
  }
  GALAGO_UNROLL
  for (int g = 0; g < kGroups; ++g) {
    const float fitted = Isa::sum(products[g]) / static_cast<float>(Isa::sum_i32(squares[g]));
    const float scale = empty[g] ? 0.0f : fitted;
    const std::int32_t high = Isa::sum_i32(sums[g][1]), total = Isa::sum_i32(sums[g][0]) + high;
    QuantBlock& block = out[g * apart];
    block.scale = scale;
    block.scaled_sum = scale * static_cast<float>(total);
    block.bias = -8 * total;
    block.high_bias = -8 * high;
  }
}

// Rows [first_row, last_row) of `cols` values, of which value(row, k, left) gives the lanes from k on and 0 beyond the
// `left` that remain, as blocks. With y null the values are made, and nothing else.
template <class Isa, class Value>
struct QuantizedRows {
  std::int64_t cols;
  QuantBlock* y;
  std::int64_t y_stride;
  const Value& value;

  GALAGO_INLINE void run(std::int64_t first_row, std::int64_t last_row) const {
    constexpr int kGroups = kGroupsTogether<Isa>;
    const std::int64_t wide = cols / (kGroups * kQuantGroup) * (kGroups * kQuantGroup);
    for (std::int64_t row = first_row; row < last_row; ++row) {
      for (std::int64_t k = 0; k < wide; k += kGroups * kQuantGroup) groups<kGroups>(row, 0, k, kQuantGroup);
    }
    for (std::int64_t k = wide; k < cols; k += kQuantGroup) {
      std::int64_t row = first_row;
      if (k + kQuantGroup <= cols) {
        for (; row + kGroups <= last_row; row += kGroups) groups<kGroups>(row, 1, k, 0);
      }
      for (; row < last_row; ++row) groups<1>(row, 0, k, 0);
    }
  }

 private:
  // The group at (row, k), and others each some rows and columns further.
  template <int kGroups>
  GALAGO_INLINE void groups(std::int64_t row, std::int64_t rows_further, std::int64_t k, std::int64_t further) const {
    constexpr int kVectors = kQuantGroup / Isa::kLanes;
    typename Isa::F32 values[kGroups][kVectors];
    GALAGO_UNROLL
    for (int g = 0; g < kGroups; ++g) {
      GALAGO_UNROLL
      for (int i = 0; i < kVectors; ++i) {
        const std::int64_t at = k + g * further + i * Isa::kLanes;
        values[g][i] = value(row + g * rows_further, at, kGroups > 1 ? Isa::kLanes : cols - at);
      }
    }
    if (y == nullptr) return;
    quantize_groups<Isa, kGroups>(values, y + row * y_stride + k / kQuantGroup,
                                  rows_further * y_stride + further / kQuantGroup);
  }
};

template <class Isa, class Value>
GALAGO_INLINE void quantize(std::int64_t first_row, std::int64_t last_row, std::int64_t cols, QuantBlock* y,
                            std::int64_t y_stride, const Value& value) {
  QuantizedRows<Isa, Value>{cols, y, y_stride, value}.run(first_row, last_row);
}

template <class Isa>
void quantize_rows(const QuantizeArgs& a) {
  const auto value = [&a](std::int64_t row, std::int64_t k, std::int64_t left)
                         GALAGO_LAMBDA { return load_row<Isa>(a.x + row * a.x_stride + k, left); };
  quantize<Isa>(a.first_row, a.last_row, a.cols, a.y, a.y_stride, value);
}

}  // namespace galago::cpu
