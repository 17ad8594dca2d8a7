// A causal convolution along the tokens of a sequence, each channel by itself.
#pragma once

#include "backends/cpu/kernels/vector_math.inl.h"

namespace galago::cpu {

// Row `row` of x; those before the first are the state's.
template <class Isa>
GALAGO_INLINE const float* conv_row(const CausalConvArgs& a, std::int64_t row) {
  return row >= 0 ? a.x + row * a.x_stride : a.state + (a.kernel - 1 + row) * a.state_stride;
}

template <class Isa, bool kSilu>
GALAGO_INLINE void conv_rows(const CausalConvArgs& a) {
  for (std::int64_t row = 0; row < a.n_rows; ++row) {
    float* y = a.y + row * a.y_stride;
    for (std::int64_t c = a.first_channel; c < a.last_channel; c += Isa::kLanes) {
      const std::int64_t left = a.last_channel - c;
      auto sum = a.bias != nullptr ? load_row<Isa>(a.bias + c, left) : Isa::zero();
      for (std::int64_t j = 0; j < a.kernel; ++j) {
        sum = Isa::fma(load_row<Isa>(a.weight + j * a.weight_stride + c, left),
                       load_row<Isa>(conv_row<Isa>(a, row - (a.kernel - 1) + j) + c, left), sum);
      }
      if constexpr (kSilu) sum = apply<Isa, UnaryOp::kSilu>(sum);
      store_row<Isa>(y + c, sum, left);
    }
  }
}

template <class Isa>
void causal_conv(const CausalConvArgs& a) {
  a.silu ? conv_rows<Isa, true>(a) : conv_rows<Isa, false>(a);
  // Its last rows become the state. With fewer rows than it holds, the rest moves up, from the front.
  for (std::int64_t i = 0; i + 1 < a.kernel; ++i) {
    const float* from = conv_row<Isa>(a, a.n_rows - (a.kernel - 1) + i);
    float* to = a.state + i * a.state_stride;
    for (std::int64_t c = a.first_channel; c < a.last_channel; c += Isa::kLanes) {
      store_row<Isa>(to + c, load_row<Isa>(from + c, a.last_channel - c), a.last_channel - c);
    }
  }
}

}  // namespace galago::cpu
