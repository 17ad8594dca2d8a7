// Bit planes to byte vectors: 8 vectors hold the codes of 32 k (weight_kinds.def says which bit lies where).
#pragma once

#include "backends/cpu/kernel_args.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

// Bit kFrom of each byte to bit kTo; the other bits are anyone's.
template <class Isa, int kFrom, int kTo>
GALAGO_INLINE typename Isa::Bytes move_bit(typename Isa::Bytes v) {
  if constexpr (kFrom < kTo) return Isa::template shift_left<kTo - kFrom>(v);
  if constexpr (kFrom > kTo) return Isa::template shift_right<kFrom - kTo>(v);
  return v;
}

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

// Bit pairs to bits kTo and kTo + 1.
template <class Isa, int kTo>
GALAGO_INLINE void load_pairs(const std::uint8_t* p, typename Isa::Bytes* w) {
  const auto mask = Isa::set1_bytes(3 << kTo);
  GALAGO_UNROLL
  for (int half = 0; half < 2; ++half) {
    const auto plane = Isa::load_bytes(p + half * 64);
    w[4 * half] = Isa::and_bytes(move_bit<Isa, 0, kTo>(plane), mask);
    w[4 * half + 1] = Isa::and_bytes(move_bit<Isa, 2, kTo>(plane), mask);
    w[4 * half + 2] = Isa::and_bytes(move_bit<Isa, 4, kTo>(plane), mask);
    w[4 * half + 3] = Isa::and_bytes(move_bit<Isa, 6, kTo>(plane), mask);
  }
}

// One bit of each code to bit kTo.
template <class Isa, int kTo>
GALAGO_INLINE void load_bits(const std::uint8_t* p, typename Isa::Bytes* w) {
  const auto mask = Isa::set1_bytes(1 << kTo);
  const auto plane = Isa::load_bytes(p);
  w[0] = Isa::and_bytes(move_bit<Isa, 0, kTo>(plane), mask);
  w[1] = Isa::and_bytes(move_bit<Isa, 1, kTo>(plane), mask);
  w[2] = Isa::and_bytes(move_bit<Isa, 2, kTo>(plane), mask);
  w[3] = Isa::and_bytes(move_bit<Isa, 3, kTo>(plane), mask);
  w[4] = Isa::and_bytes(move_bit<Isa, 4, kTo>(plane), mask);
  w[5] = Isa::and_bytes(move_bit<Isa, 5, kTo>(plane), mask);
  w[6] = Isa::and_bytes(move_bit<Isa, 6, kTo>(plane), mask);
  w[7] = Isa::and_bytes(move_bit<Isa, 7, kTo>(plane), mask);
}

template <class Isa>
GALAGO_INLINE void or_codes(const typename Isa::Bytes* more, typename Isa::Bytes* w) {
  GALAGO_UNROLL
  for (int j = 0; j < 8; ++j) w[j] = Isa::or_bytes(w[j], more[j]);
}

template <class Isa, int kTo>
GALAGO_INLINE void add_bits(const std::uint8_t* p, typename Isa::Bytes* w) {
  typename Isa::Bytes bits[8];
  load_bits<Isa, kTo>(p, bits);
  or_codes<Isa>(bits, w);
}

template <class Isa, int kTo>
GALAGO_INLINE void add_pairs(const std::uint8_t* p, typename Isa::Bytes* w) {
  typename Isa::Bytes pairs[8];
  load_pairs<Isa, kTo>(p, pairs);
  or_codes<Isa>(pairs, w);
}

}  // namespace galago::cpu
