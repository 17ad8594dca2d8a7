// RMS and layer norm over rows, with the residual addition before and the quantization after them.
#pragma once

#include "backends/cpu/kernels/quantize.inl.h"

namespace galago::cpu {

// s = x + residual of one row, wherever it lies.
template <class Isa>
struct NormRow {
  using F32 = typename Isa::F32;
  const float* x;
  const float* residual;

  GALAGO_INLINE F32 load(std::int64_t k, std::int64_t left) const {
    const F32 v = load_row<Isa>(x + k, left);
    return residual == nullptr ? v : Isa::add(v, load_row<Isa>(residual + k, left));
  }
};

// Lanes from `left` on are 0.
template <class Isa>
GALAGO_INLINE typename Isa::F32 first_lanes(typename Isa::F32 v, std::int64_t left) {
  if (left >= Isa::kLanes) return v;
  return Isa::select(Isa::less(Isa::iota(), Isa::set1(static_cast<float>(left))), v, Isa::zero());
}

// sum of f(vector, elements left) over the row: four running sums, joined in a fixed order.
template <class Isa, class F>
GALAGO_INLINE float sum_row(std::int64_t cols, const F& f) {
  using F32 = typename Isa::F32;
  F32 sums[4] = {Isa::zero(), Isa::zero(), Isa::zero(), Isa::zero()};
  std::int64_t k = 0;
  for (; k + 4 * Isa::kLanes <= cols; k += 4 * Isa::kLanes) {
    GALAGO_UNROLL
    for (int i = 0; i < 4; ++i) sums[i] = f(sums[i], k + i * Isa::kLanes, Isa::kLanes);
  }
  for (; k < cols; k += Isa::kLanes) sums[0] = f(sums[0], k, cols - k);
  return Isa::sum(Isa::add(Isa::add(sums[0], sums[1]), Isa::add(sums[2], sums[3])));
}

// The row to normalize; writes s where it is wanted, and reads it from there afterwards.
template <class Isa>
GALAGO_INLINE NormRow<Isa> norm_input(const NormArgs& a, std::int64_t row) {
  NormRow<Isa> s{a.x + row * a.x_stride, a.residual == nullptr ? nullptr : a.residual + row * a.residual_stride};
  if (a.sum == nullptr) return s;
  float* sum = a.sum + row * a.sum_stride;
  for (std::int64_t k = 0; k < a.cols; k += Isa::kLanes) store_row<Isa>(sum + k, s.load(k, a.cols - k), a.cols - k);
  return {sum, nullptr};
}

// y = (s - mean) * inverse * weight + bias
template <class Isa, bool kCentered>
GALAGO_INLINE void norm_output(const NormArgs& a, std::int64_t row, const NormRow<Isa>& s, float mean, float inverse) {
  using F32 = typename Isa::F32;
  float* y = a.y == nullptr ? nullptr : a.y + row * a.y_stride;
  const auto normed = [&](std::int64_t, std::int64_t k, std::int64_t left) GALAGO_LAMBDA {
    F32 v = s.load(k, left);
    if constexpr (kCentered) v = Isa::sub(v, Isa::set1(mean));
    v = Isa::mul(v, Isa::set1(inverse));
    if (a.weight != nullptr) {
      F32 weight = load_row<Isa>(a.weight + k, left);
      if (a.weight_plus_one) weight = Isa::add(weight, Isa::set1(1.0f));
      v = Isa::mul(v, weight);
    }
    if (a.bias != nullptr) v = Isa::add(v, load_row<Isa>(a.bias + k, left));
    if (y != nullptr) store_row<Isa>(y + k, v, left);
    return first_lanes<Isa>(v, left);
  };
  quantize<Isa>(row, row + 1, a.cols, a.quantized, a.quantized_stride, normed);
}

template <class Isa>
void rms_norm(const NormArgs& a) {
  using F32 = typename Isa::F32;
  for (std::int64_t row = a.first_row; row < a.last_row; ++row) {
    const NormRow<Isa> s = norm_input<Isa>(a, row);
    const float squares = sum_row<Isa>(a.cols, [&](F32 sum, std::int64_t k, std::int64_t left) GALAGO_LAMBDA {
      const F32 v = s.load(k, left);
      return Isa::fma(v, v, sum);
    });
    const float inverse = 1.0f / __builtin_sqrtf(squares / static_cast<float>(a.cols) + a.eps);
    norm_output<Isa, false>(a, row, s, 0.0f, inverse);
  }
}

template <class Isa>
void layer_norm(const NormArgs& a) {
  using F32 = typename Isa::F32;
  for (std::int64_t row = a.first_row; row < a.last_row; ++row) {
    const NormRow<Isa> s = norm_input<Isa>(a, row);
    const float total = sum_row<Isa>(a.cols, [&](F32 sum, std::int64_t k, std::int64_t left)
                                                 GALAGO_LAMBDA { return Isa::add(sum, s.load(k, left)); });
    const float mean = total / static_cast<float>(a.cols);
    const float squares = sum_row<Isa>(a.cols, [&](F32 sum, std::int64_t k, std::int64_t left) GALAGO_LAMBDA {
      const F32 v = first_lanes<Isa>(Isa::sub(s.load(k, left), Isa::set1(mean)), left);
      return Isa::fma(v, v, sum);
    });
    const float inverse = 1.0f / __builtin_sqrtf(squares / static_cast<float>(a.cols) + a.eps);
    norm_output<Isa, true>(a, row, s, mean, inverse);
  }
}

}  // namespace galago::cpu
