// Element by element: binary, unary, and gated activations (act(gate) * up), which may leave their result quantized.
#pragma once

#include "backends/cpu/kernels/quantize.inl.h"
#include "backends/cpu/kernels/vector_math.inl.h"

namespace galago::cpu {

template <class Isa, BinaryOp kOp>
void binary_rows(const BinaryArgs& a) {
  for (std::int64_t row = a.first_row; row < a.last_row; ++row) {
    const float* left = a.a + row * a.a_stride;
    const float* right = a.b + row * a.b_stride;
    float* y = a.y + row * a.y_stride;
    for (std::int64_t k = 0; k < a.cols; k += Isa::kLanes) {
      const auto u = load_row<Isa>(left + k, a.cols - k), v = load_row<Isa>(right + k, a.cols - k);
      auto result = Isa::add(u, v);
      if constexpr (kOp == BinaryOp::kMul) result = Isa::mul(u, v);
      if constexpr (kOp == BinaryOp::kSub) result = Isa::sub(u, v);
      store_row<Isa>(y + k, result, a.cols - k);
    }
  }
}

template <class Isa>
void binary(const BinaryArgs& a) {
  switch (a.op) {
    case BinaryOp::kAdd: return binary_rows<Isa, BinaryOp::kAdd>(a);
    case BinaryOp::kMul: return binary_rows<Isa, BinaryOp::kMul>(a);
    case BinaryOp::kSub: return binary_rows<Isa, BinaryOp::kSub>(a);
  }
}

template <class Isa>
struct UnaryRows {
  const UnaryArgs& a;
  template <UnaryOp kOp>
  void run() const {
    const auto scale = Isa::set1(a.scale);
    for (std::int64_t row = a.first_row; row < a.last_row; ++row) {
      const float* x = a.x + row * a.x_stride;
      float* y = a.y + row * a.y_stride;
      for (std::int64_t k = 0; k < a.cols; k += Isa::kLanes) {
        const auto v = apply<Isa, kOp>(load_row<Isa>(x + k, a.cols - k));
        store_row<Isa>(y + k, Isa::mul(v, scale), a.cols - k);
      }
    }
  }
};

template <class Isa>
void unary(const UnaryArgs& a) {
  for_op<Isa>(a.op, UnaryRows<Isa>{a});
}

template <class Isa>
struct GatedRows {
  const GatedArgs& a;
  template <UnaryOp kOp>
  void run() const {
    const auto value = [this](std::int64_t row, std::int64_t k, std::int64_t left) GALAGO_LAMBDA {
      const auto gate = load_row<Isa>(a.gate + row * a.gate_stride + k, left);
      const auto v = Isa::mul(apply<Isa, kOp>(gate), load_row<Isa>(a.up + row * a.up_stride + k, left));
      if (a.y != nullptr) store_row<Isa>(a.y + row * a.y_stride + k, v, left);
      return v;
    };
    quantize<Isa>(a.first_row, a.last_row, a.cols, a.quantized, a.quantized_stride, value);
  }
};

template <class Isa>
void gated(const GatedArgs& a) {
  for_op<Isa>(a.op, GatedRows<Isa>{a});
}

}  // namespace galago::cpu
