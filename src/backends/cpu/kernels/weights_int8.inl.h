// Weight tiles (packing.h) against int8 activations: how each kind is unpacked to byte vectors, and what a block of 32
// adds to the sums of the lanes. A lane is an output row; `lane` is the first of those a vector holds.
#pragma once

#include "backends/cpu/kernel_args.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

// Nibbles of 4 vectors to 8 vectors: k 0-15 below, 16-31 above.
template <class Isa>
GALAGO_INLINE void load_nibbles(const std::uint8_t* p, typename Isa::Bytes* w) {
  const auto mask = Isa::set1_bytes(0x0f);
  GALAGO_UNROLL
  for (int j = 0; j < 4; ++j) {
    const auto pairs = Isa::load_bytes(p + j * 64);
    w[j] = Isa::and_bytes(pairs, mask);
    w[j + 4] = Isa::and_bytes(Isa::template shift_right<4>(pairs), mask);
  }
}

// Bit j of the plane's bytes becomes bit 4 of vector j.
template <class Isa>
GALAGO_INLINE void add_fifth_bits(const std::uint8_t* p, typename Isa::Bytes* w) {
  const auto mask = Isa::set1_bytes(0x10);
  const auto plane = Isa::load_bytes(p);
  w[0] = Isa::or_bytes(w[0], Isa::and_bytes(Isa::template shift_left<4>(plane), mask));
  w[1] = Isa::or_bytes(w[1], Isa::and_bytes(Isa::template shift_left<3>(plane), mask));
  w[2] = Isa::or_bytes(w[2], Isa::and_bytes(Isa::template shift_left<2>(plane), mask));
  w[3] = Isa::or_bytes(w[3], Isa::and_bytes(Isa::template shift_left<1>(plane), mask));
  w[4] = Isa::or_bytes(w[4], Isa::and_bytes(plane, mask));
  w[5] = Isa::or_bytes(w[5], Isa::and_bytes(Isa::template shift_right<1>(plane), mask));
  w[6] = Isa::or_bytes(w[6], Isa::and_bytes(Isa::template shift_right<2>(plane), mask));
  w[7] = Isa::or_bytes(w[7], Isa::and_bytes(Isa::template shift_right<3>(plane), mask));
}

// Bits 2 j and 2 j + 1 of each plane's bytes become bits 4 and 5 of its four vectors.
template <class Isa>
GALAGO_INLINE void add_upper_pairs(const std::uint8_t* p, typename Isa::Bytes* w) {
  const auto mask = Isa::set1_bytes(0x30);
  GALAGO_UNROLL
  for (int half = 0; half < 2; ++half) {
    const auto plane = Isa::load_bytes(p + half * 64);
    typename Isa::Bytes* v = w + 4 * half;
    v[0] = Isa::or_bytes(v[0], Isa::and_bytes(Isa::template shift_left<4>(plane), mask));
    v[1] = Isa::or_bytes(v[1], Isa::and_bytes(Isa::template shift_left<2>(plane), mask));
    v[2] = Isa::or_bytes(v[2], Isa::and_bytes(plane, mask));
    v[3] = Isa::or_bytes(v[3], Isa::and_bytes(Isa::template shift_right<2>(plane), mask));
  }
}

template <class Isa>
GALAGO_INLINE typename Isa::F32 load_halves(const std::uint8_t* p) {
  return Isa::load_f16(reinterpret_cast<const std::uint16_t*>(p));
}

constexpr std::int64_t kBlockBytes = sizeof(QuantBlock);

// acc[r] += sums[r] * scale * the scale of row r's block
template <class Isa, int kRows>
GALAGO_INLINE void add_scaled(typename Isa::F32 (&acc)[kRows], const typename Isa::I32 (&sums)[kRows],
                              typename Isa::F32 scale, const QuantBlock* x, std::int64_t stride) {
  GALAGO_UNROLL
  for (int r = 0; r < kRows; ++r) {
    acc[r] = Isa::fma(Isa::to_f32(sums[r]), Isa::mul(scale, Isa::set1(x[r * stride].scale)), acc[r]);
  }
}

// Of each kind: kBytes of a block (or super block), kStep bytes per 32 k.
// w = scale * code + low: the sum of x enters as a float.
template <class Isa, int kBits>
struct AffineBlock {
  using F32 = typename Isa::F32;
  typename Isa::Bytes w[8];
  F32 scale, low;

  template <int kRows>
  GALAGO_INLINE void accumulate(F32 (&acc)[kRows], const QuantBlock* x, std::int64_t stride) const {
    typename Isa::I32 sums[kRows];
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) sums[r] = Isa::set1_i32(0);
    Isa::template dot<kBits, 8>(sums, w, x->codes, stride * kBlockBytes);
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      acc[r] = Isa::fma(low, Isa::set1(x[r * stride].scaled_sum), acc[r]);
      acc[r] = Isa::fma(Isa::to_f32(sums[r]), Isa::mul(scale, Isa::set1(x[r * stride].scale)), acc[r]);
    }
  }
};

// w = scale * (code - 2^(kBits - 1)): the offset enters the integer sum, exactly.
template <class Isa, int kBits>
struct OffsetBlock {
  using F32 = typename Isa::F32;
  typename Isa::Bytes w[8];
  F32 scale;

  template <int kRows>
  GALAGO_INLINE void accumulate(F32 (&acc)[kRows], const QuantBlock* x, std::int64_t stride) const {
    typename Isa::I32 sums[kRows];
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      sums[r] = Isa::load1_i32(&x[r * stride].bias);
      if constexpr (kBits == 5) sums[r] = Isa::template shift_left_i32<1>(sums[r]);
    }
    Isa::template dot<kBits, 8>(sums, w, x->codes, stride * kBlockBytes);
    add_scaled<Isa>(acc, sums, scale, x, stride);
  }
};

template <class Isa, WeightKind kKind>
struct Int8Weights;

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ4_0> : OffsetBlock<Isa, 4> {
  static constexpr std::int64_t kBytes = 288, kStep = kBytes;
  GALAGO_INLINE Int8Weights(const std::uint8_t* tile, std::int64_t block, int lane) {
    const std::uint8_t* p = tile + block * kBytes;
    load_nibbles<Isa>(p + lane * 4, this->w);
    this->scale = load_halves<Isa>(p + 256 + lane * 2);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ5_0> : OffsetBlock<Isa, 5> {
  static constexpr std::int64_t kBytes = 352, kStep = kBytes;
  GALAGO_INLINE Int8Weights(const std::uint8_t* tile, std::int64_t block, int lane) {
    const std::uint8_t* p = tile + block * kBytes;
    load_nibbles<Isa>(p + lane * 4, this->w);
    add_fifth_bits<Isa>(p + 256 + lane * 4, this->w);
    this->scale = load_halves<Isa>(p + 320 + lane * 2);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ4_1> : AffineBlock<Isa, 4> {
  static constexpr std::int64_t kBytes = 320, kStep = kBytes;
  GALAGO_INLINE Int8Weights(const std::uint8_t* tile, std::int64_t block, int lane) {
    const std::uint8_t* p = tile + block * kBytes;
    load_nibbles<Isa>(p + lane * 4, this->w);
    this->scale = load_halves<Isa>(p + 256 + lane * 2);
    this->low = load_halves<Isa>(p + 288 + lane * 2);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ5_1> : AffineBlock<Isa, 5> {
  static constexpr std::int64_t kBytes = 384, kStep = kBytes;
  GALAGO_INLINE Int8Weights(const std::uint8_t* tile, std::int64_t block, int lane) {
    const std::uint8_t* p = tile + block * kBytes;
    load_nibbles<Isa>(p + lane * 4, this->w);
    add_fifth_bits<Isa>(p + 256 + lane * 4, this->w);
    this->scale = load_halves<Isa>(p + 320 + lane * 2);
    this->low = load_halves<Isa>(p + 352 + lane * 2);
  }
};

// q4_k and q5_k: step = d * sc and base = dmin * m are exact products (11 + 6 bits); w = step * code - base.
template <class Isa, int kBits>
struct SuperBlock : AffineBlock<Isa, kBits> {
  static constexpr std::int64_t kCodes = kBits == 5 ? 320 : 256;
  static constexpr std::int64_t kGroupBytes = kCodes + 32, kBytes = 64 + 8 * kGroupBytes, kStep = kGroupBytes;
  GALAGO_INLINE SuperBlock(const std::uint8_t* tile, std::int64_t block, int lane) {
    const std::uint8_t* super = tile + block / 8 * kBytes;
    const std::uint8_t* p = super + 64 + block % 8 * kGroupBytes;
    load_nibbles<Isa>(p + lane * 4, this->w);
    if constexpr (kBits == 5) add_fifth_bits<Isa>(p + 256 + lane * 4, this->w);
    const auto steps = Isa::to_f32(Isa::load_u8(p + kCodes + lane));
    const auto lows = Isa::to_f32(Isa::load_u8(p + kCodes + 16 + lane));
    this->scale = Isa::mul(load_halves<Isa>(super + lane * 2), steps);
    this->low = Isa::mul(Isa::mul(load_halves<Isa>(super + 32 + lane * 2), lows), Isa::set1(-1.0f));
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ4_K> : SuperBlock<Isa, 4> {
  using SuperBlock<Isa, 4>::SuperBlock;
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ5_K> : SuperBlock<Isa, 5> {
  using SuperBlock<Isa, 5>::SuperBlock;
};

// w = d * sc * (code - 32), one sc for each 16 k. |sum| <= 16 * 32 * 127, times |sc| <= 128, twice: fits 32 bits.
template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ6_K> {
  using F32 = typename Isa::F32;
  using I32 = typename Isa::I32;
  static constexpr std::int64_t kGroupBytes = 416, kBytes = 32 + 8 * kGroupBytes, kStep = kGroupBytes;
  typename Isa::Bytes w[8];
  I32 steps[2];
  F32 scale;

  GALAGO_INLINE Int8Weights(const std::uint8_t* tile, std::int64_t block, int lane) {
    const std::uint8_t* super = tile + block / 8 * kBytes;
    const std::uint8_t* p = super + 32 + block % 8 * kGroupBytes;
    load_nibbles<Isa>(p + lane * 4, w);
    add_upper_pairs<Isa>(p + 256 + lane * 4, w);
    steps[0] = Isa::load_i8(reinterpret_cast<const std::int8_t*>(p + 384 + lane));
    steps[1] = Isa::load_i8(reinterpret_cast<const std::int8_t*>(p + 400 + lane));
    scale = load_halves<Isa>(super + lane * 2);
  }
  template <int kRows>
  GALAGO_INLINE void accumulate(F32 (&acc)[kRows], const QuantBlock* x, std::int64_t stride) const {
    I32 sums[kRows], high[kRows];
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const QuantBlock& block = x[r * stride];
      sums[r] = Isa::sub_i32(Isa::load1_i32(&block.bias), Isa::load1_i32(&block.high_bias));
      sums[r] = Isa::template shift_left_i32<2>(sums[r]);
    }
    Isa::template dot<6, 4>(sums, w, x->codes, stride * kBlockBytes);
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      sums[r] = Isa::mul_i32(sums[r], steps[0]);
      high[r] = Isa::template shift_left_i32<2>(Isa::load1_i32(&x[r * stride].high_bias));
    }
    Isa::template dot<6, 4>(high, w + 4, x->codes + 16, stride * kBlockBytes);
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) sums[r] = Isa::add_i32(sums[r], Isa::mul_i32(high[r], steps[1]));
    add_scaled<Isa>(acc, sums, scale, x, stride);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ8_0> {
  using F32 = typename Isa::F32;
  static constexpr std::int64_t kBytes = 544, kStep = kBytes;
  typename Isa::Bytes w[8];
  F32 scale;

  GALAGO_INLINE Int8Weights(const std::uint8_t* tile, std::int64_t block, int lane) {
    const std::uint8_t* p = tile + block * kBytes;
    GALAGO_UNROLL
    for (int j = 0; j < 8; ++j) w[j] = Isa::prepare_signed(Isa::load_bytes(p + j * 64 + lane * 4));
    scale = load_halves<Isa>(p + 512 + lane * 2);
  }
  template <int kRows>
  GALAGO_INLINE void accumulate(F32 (&acc)[kRows], const QuantBlock* x, std::int64_t stride) const {
    typename Isa::I32 sums[kRows];
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      sums[r] =
          Isa::kSignedBias ? Isa::template shift_left_i32<4>(Isa::load1_i32(&x[r * stride].bias)) : Isa::set1_i32(0);
    }
    Isa::template dot_signed<8>(sums, w, x->codes, stride * kBlockBytes);
    add_scaled<Isa>(acc, sums, scale, x, stride);
  }
};

}  // namespace galago::cpu
