// The rotation of a head's row (ops/kv_codec.h), bit for bit the reference's: neighbours first, then ever wider pairs.
#pragma once

#include "backends/cpu/kernels/kv_layout.inl.h"

namespace galago::cpu {

constexpr std::int64_t kRotationDims = 128;  // of the widest block

// Elements of the block that begins where `left` are left: the largest power of two among them.
template <class Isa>
GALAGO_INLINE std::int64_t rotation_block(std::int64_t left) {
  std::int64_t n = kRotationDims;
  while (n > left) n /= 2;
  return n;
}

// Stages of pairs h, 2h, ... apart, up to n / 2.
template <class Isa>
GALAGO_INLINE void wide_butterflies(float* x, std::int64_t n, std::int64_t h) {
  using F32 = typename Isa::F32;
  for (; h < n; h *= 2) {
    for (std::int64_t i = 0; i < n; i += 2 * h) {
      for (std::int64_t j = i; j < i + h; j += Isa::kLanes) {
        const F32 a = Isa::load(x + j), b = Isa::load(x + j + h);
        Isa::store(x + j, Isa::add(a, b));
        Isa::store(x + j + h, Isa::sub(a, b));
      }
    }
  }
}

// The stages within two vectors. Each puts its sums into the first and its differences into the second, so that the
// next finds its pairs side by side again, and after the last everything is in its place [Pease 1968].
template <class Isa>
GALAGO_INLINE void near_butterflies(float* x) {
  using F32 = typename Isa::F32;
  F32 a = Isa::load(x), b = Isa::load(x + Isa::kLanes);
  GALAGO_UNROLL
  for (int h = 1; h <= Isa::kLanes; h *= 2) {
    F32 even, odd;
    Isa::deinterleave(a, b, &even, &odd);
    a = Isa::add(even, odd);
    b = Isa::sub(even, odd);
  }
  Isa::store(x, a);
  Isa::store(x + Isa::kLanes, b);
}

// Blocks of less than two vectors, which only heads of unusual sizes have.
template <class Isa>
GALAGO_INLINE void narrow_butterflies(float* x, std::int64_t n) {
  for (std::int64_t h = 1; h < n; h *= 2) {
    for (std::int64_t i = 0; i < n; i += 2 * h) {
      for (std::int64_t j = i; j < i + h; ++j) {
        const float a = x[j], b = x[j + h];
        x[j] = a + b;
        x[j + h] = a - b;
      }
    }
  }
}

template <class Isa>
GALAGO_INLINE void rotate_block(float* x, std::int64_t n) {
  constexpr std::int64_t kNear = 2 * Isa::kLanes;
  if (n < kNear) {
    narrow_butterflies<Isa>(x, n);
  } else {
    for (std::int64_t i = 0; i < n; i += kNear) near_butterflies<Isa>(x + i);
    wide_butterflies<Isa>(x, n, kNear);
  }
  const auto factor = Isa::set1(__builtin_sqrtf(1.0f / static_cast<float>(n)));
  for (std::int64_t i = 0; i < n; i += Isa::kLanes) {
    store_row<Isa>(x + i, Isa::mul(load_row<Isa>(x + i, n - i), factor), n - i);
  }
}

// In place. Its own inverse.
template <class Isa>
void rotate_row(float* x, std::int64_t dim) {
  for (std::int64_t at = 0; at < dim;) {
    const std::int64_t n = rotation_block<Isa>(dim - at);
    rotate_block<Isa>(x + at, n);
    at += n;
  }
}

template <class Isa>
GALAGO_INLINE void rotate_row_to(const float* x, std::int64_t dim, float* y) {
  for (std::int64_t i = 0; i < dim; i += Isa::kLanes) store_row<Isa>(y + i, load_row<Isa>(x + i, dim - i), dim - i);
  rotate_row<Isa>(y, dim);
}

// Whether the first `part` elements of a row of `dim` are whole blocks.
template <class Isa>
GALAGO_INLINE bool whole_blocks(std::int64_t dim, std::int64_t part) {
  std::int64_t at = 0;
  while (at < part) at += rotation_block<Isa>(dim - at);
  return at == part;
}

}  // namespace galago::cpu
