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

// w = scale * code + low: the sum of x enters as a float.
template <class Isa, int kBits>
struct AffineBlock {
  using F32 = typename Isa::F32;
  typename Isa::Bytes w[8];
  F32 scale, low;

  GALAGO_INLINE F32 accumulate(F32 acc, const QuantBlock& x) const {
    const auto sum = Isa::template dot<kBits, 8>(Isa::set1_i32(0), w, x.codes);
    acc = Isa::fma(low, Isa::set1(x.scaled_sum), acc);
    return Isa::fma(Isa::to_f32(sum), Isa::mul(scale, Isa::set1(x.scale)), acc);
  }
};

// w = scale * (code - 2^(kBits - 1)): the offset enters the integer sum, exactly.
template <class Isa, int kBits>
struct OffsetBlock {
  using F32 = typename Isa::F32;
  typename Isa::Bytes w[8];
  F32 scale;

  GALAGO_INLINE F32 accumulate(F32 acc, const QuantBlock& x) const {
    auto bias = Isa::load1_i32(&x.bias);
    if constexpr (kBits == 5) bias = Isa::template shift_left_i32<1>(bias);
    const auto sum = Isa::template dot<kBits, 8>(bias, w, x.codes);
    return Isa::fma(Isa::to_f32(sum), Isa::mul(scale, Isa::set1(x.scale)), acc);
  }
};

template <class Isa, WeightKind kKind>
struct Int8Weights;

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ4_0> : OffsetBlock<Isa, 4> {
  static constexpr std::int64_t kBytes = 288;
  GALAGO_INLINE Int8Weights(const std::uint8_t* tile, std::int64_t block, int lane) {
    const std::uint8_t* p = tile + block * kBytes;
    load_nibbles<Isa>(p + lane * 4, this->w);
    this->scale = load_halves<Isa>(p + 256 + lane * 2);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ5_0> : OffsetBlock<Isa, 5> {
  static constexpr std::int64_t kBytes = 352;
  GALAGO_INLINE Int8Weights(const std::uint8_t* tile, std::int64_t block, int lane) {
    const std::uint8_t* p = tile + block * kBytes;
    load_nibbles<Isa>(p + lane * 4, this->w);
    add_fifth_bits<Isa>(p + 256 + lane * 4, this->w);
    this->scale = load_halves<Isa>(p + 320 + lane * 2);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ4_1> : AffineBlock<Isa, 4> {
  static constexpr std::int64_t kBytes = 320;
  GALAGO_INLINE Int8Weights(const std::uint8_t* tile, std::int64_t block, int lane) {
    const std::uint8_t* p = tile + block * kBytes;
    load_nibbles<Isa>(p + lane * 4, this->w);
    this->scale = load_halves<Isa>(p + 256 + lane * 2);
    this->low = load_halves<Isa>(p + 288 + lane * 2);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ5_1> : AffineBlock<Isa, 5> {
  static constexpr std::int64_t kBytes = 384;
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
  static constexpr std::int64_t kGroupBytes = kCodes + 32, kBytes = 64 + 8 * kGroupBytes;
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
  static constexpr std::int64_t kGroupBytes = 416, kBytes = 32 + 8 * kGroupBytes;
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
  GALAGO_INLINE F32 accumulate(F32 acc, const QuantBlock& x) const {
    const I32 all = Isa::load1_i32(&x.bias), high = Isa::load1_i32(&x.high_bias);
    const I32 below = Isa::template shift_left_i32<2>(Isa::sub_i32(all, high));
    const I32 sum0 = Isa::template dot<6, 4>(below, w, x.codes);
    const I32 sum1 = Isa::template dot<6, 4>(Isa::template shift_left_i32<2>(high), w + 4, x.codes + 16);
    const I32 sum = Isa::add_i32(Isa::mul_i32(sum0, steps[0]), Isa::mul_i32(sum1, steps[1]));
    return Isa::fma(Isa::to_f32(sum), Isa::mul(scale, Isa::set1(x.scale)), acc);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ8_0> {
  using F32 = typename Isa::F32;
  static constexpr std::int64_t kBytes = 544;
  typename Isa::Bytes w[8];
  F32 scale;

  GALAGO_INLINE Int8Weights(const std::uint8_t* tile, std::int64_t block, int lane) {
    const std::uint8_t* p = tile + block * kBytes;
    GALAGO_UNROLL
    for (int j = 0; j < 8; ++j) w[j] = Isa::prepare_signed(Isa::load_bytes(p + j * 64 + lane * 4));
    scale = load_halves<Isa>(p + 512 + lane * 2);
  }
  GALAGO_INLINE F32 accumulate(F32 acc, const QuantBlock& x) const {
    const auto sum = Isa::template dot_signed<8>(&x.bias, w, x.codes);
    return Isa::fma(Isa::to_f32(sum), Isa::mul(scale, Isa::set1(x.scale)), acc);
  }
};

}  // namespace galago::cpu
