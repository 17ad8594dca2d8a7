// Unpacking of tq1_0: five trits a byte, in base 3.
#pragma once

#include "backends/cpu/kernels/bit_planes.inl.h"
#include "backends/cpu/kernels/blocks_int8.inl.h"

namespace galago::cpu {

// A byte q holds its first trit in the upper two bits of 3/4 q, as two rounding averages compute it; 3 q + 2 moves the
// next trit there. Over all five steps the roundings leave each of the 243 numbers a byte (pack_planes.cc finds it).
template <class Isa>
GALAGO_INLINE typename Isa::Bytes next_trit(typename Isa::Bytes q) {
  return Isa::add_bytes(Isa::add_bytes(q, q), Isa::add_bytes(q, Isa::set1_bytes(2)));
}

// The trits of group kGroup, times 8: vector v of the block is trit v % 5 of byte vector v / 5.
template <class Isa, int kGroup>
GALAGO_INLINE void load_trits(const std::uint8_t* p, typename Isa::Bytes* w) {
  constexpr int kFirst = 8 * kGroup;
  const auto zero = Isa::set1_bytes(0), mask = Isa::set1_bytes(0x18);
  auto q = Isa::load_bytes(p + kFirst / 5 * 64);
  GALAGO_UNROLL
  for (int trit = 0; trit < kFirst % 5; ++trit) q = next_trit<Isa>(q);
  GALAGO_UNROLL
  for (int j = 0; j < 8; ++j) {
    const int v = kFirst + j;
    if (v % 5 == 0) q = Isa::load_bytes(p + v / 5 * 64);
    const auto three_quarters = Isa::average_bytes(q, Isa::average_bytes(q, zero));
    w[j] = Isa::and_bytes(Isa::template shift_right<3>(three_quarters), mask);
    q = next_trit<Isa>(q);
  }
}

template <class Isa>
GALAGO_INLINE void load_trits(const std::uint8_t* p, int group, typename Isa::Bytes* w) {
  switch (group) {
    case 0: return load_trits<Isa, 0>(p, w);
    case 1: return load_trits<Isa, 1>(p, w);
    case 2: return load_trits<Isa, 2>(p, w);
    case 3: return load_trits<Isa, 3>(p, w);
    case 4: return load_trits<Isa, 4>(p, w);
    case 5: return load_trits<Isa, 5>(p, w);
    case 6: return load_trits<Isa, 6>(p, w);
    default: return load_trits<Isa, 7>(p, w);
  }
}

template <class Isa>
struct Int8Weights<Isa, WeightKind::kTQ1_0> : OffsetBlock<Isa, 5, 8> {
  using Layout = TileLayout<32, 8, 104>;  // the 13 vectors belong to all groups
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    load_trits<Isa>(at.header + 32 + lane * 4, at.number, this->w);
    this->scale[0] = times<Isa>(load_halves<Isa>(at.header + lane * 2), 0.125f);
  }
};

}  // namespace galago::cpu
