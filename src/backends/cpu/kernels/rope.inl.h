// Rotary position embedding from a table of cosines and sines (rope_table.h).
#pragma once

#include "backends/cpu/kernels/quantize.inl.h"

namespace galago::cpu {

// Pairs (i, i + half), half = rope_dim / 2.
template <class Isa>
GALAGO_INLINE void rope_split(const float* x, const float* cos, const float* sin, std::int64_t half, float* y) {
  for (std::int64_t i = 0; i < half; i += Isa::kLanes) {
    const auto a = load_row<Isa>(x + i, half - i), b = load_row<Isa>(x + half + i, half - i);
    const auto c = load_row<Isa>(cos + i, half - i), s = load_row<Isa>(sin + i, half - i);
    store_row<Isa>(y + i, Isa::sub(Isa::mul(a, c), Isa::mul(b, s)), half - i);
    store_row<Isa>(y + half + i, Isa::add(Isa::mul(b, c), Isa::mul(a, s)), half - i);
  }
}

// Pairs (2 i, 2 i + 1).
template <class Isa>
GALAGO_INLINE void rope_pairs(const float* x, const float* cos, const float* sin, std::int64_t half, float* y) {
  for (std::int64_t i = 0; i < half; i += Isa::kLanes) {
    const std::int64_t left = 2 * (half - i);
    typename Isa::F32 a, b, low, high;
    Isa::deinterleave(load_row<Isa>(x + 2 * i, left), load_row<Isa>(x + 2 * i + Isa::kLanes, left - Isa::kLanes), &a,
                      &b);
    const auto c = load_row<Isa>(cos + i, half - i), s = load_row<Isa>(sin + i, half - i);
    Isa::interleave(Isa::sub(Isa::mul(a, c), Isa::mul(b, s)), Isa::add(Isa::mul(b, c), Isa::mul(a, s)), &low, &high);
    store_row<Isa>(y + 2 * i, low, left);
    store_row<Isa>(y + 2 * i + Isa::kLanes, high, left - Isa::kLanes);
  }
}

template <class Isa>
void rope(const RopeArgs& a) {
  const std::int64_t half = a.rope_dim / 2;
  for (std::int64_t row = a.first_row; row < a.last_row; ++row) {
    const float* cos = a.cos + row * a.table_stride;
    const float* sin = a.sin + row * a.table_stride;
    for (std::int64_t head = 0; head < a.n_heads; ++head) {
      const float* x = a.x + row * a.x_stride + head * a.head_dim;
      float* y = a.y + row * a.y_stride + head * a.head_dim;
      if (a.interleaved) {
        rope_pairs<Isa>(x, cos, sin, half, y);
      } else {
        rope_split<Isa>(x, cos, sin, half, y);
      }
      if (x == y) continue;
      for (std::int64_t k = a.rope_dim; k < a.head_dim; k += Isa::kLanes) {
        store_row<Isa>(y + k, load_row<Isa>(x + k, a.head_dim - k), a.head_dim - k);
      }
    }
  }
}

}  // namespace galago::cpu
