// Unpacking of the formats whose codes are bit planes: integers times a scale, with or without a minimum.
#pragma once

#include "backends/cpu/kernels/bit_planes.inl.h"
#include "backends/cpu/kernels/blocks_int8.inl.h"

namespace galago::cpu {

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ8_0> : SignedBlock<Isa> {
  using Layout = TileLayout<0, 1, 544>;
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const std::uint8_t* p = Layout(tile, block).group;
    GALAGO_UNROLL
    for (int j = 0; j < 8; ++j) this->w[j] = Isa::prepare_signed(Isa::load_bytes(p + j * 64 + lane * 4));
    this->scale = load_halves<Isa>(p + 512 + lane * 2);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ4_0> : OffsetBlock<Isa, 4, 8> {
  using Layout = TileLayout<0, 1, 288>;
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const std::uint8_t* p = Layout(tile, block).group;
    load_nibbles<Isa>(p + lane * 4, this->w);
    this->scale[0] = load_halves<Isa>(p + 256 + lane * 2);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ5_0> : OffsetBlock<Isa, 5, 16> {
  using Layout = TileLayout<0, 1, 352>;
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const std::uint8_t* p = Layout(tile, block).group;
    load_nibbles<Isa>(p + lane * 4, this->w);
    add_bits<Isa, 4>(p + 256 + lane * 4, this->w);
    this->scale[0] = load_halves<Isa>(p + 320 + lane * 2);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ4_1> : AffineBlock<Isa, 4> {
  using Layout = TileLayout<0, 1, 320>;
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const std::uint8_t* p = Layout(tile, block).group;
    load_nibbles<Isa>(p + lane * 4, this->w);
    this->scale[0] = load_halves<Isa>(p + 256 + lane * 2);
    this->low[0] = load_halves<Isa>(p + 288 + lane * 2);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ5_1> : AffineBlock<Isa, 5> {
  using Layout = TileLayout<0, 1, 384>;
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const std::uint8_t* p = Layout(tile, block).group;
    load_nibbles<Isa>(p + lane * 4, this->w);
    add_bits<Isa, 4>(p + 256 + lane * 4, this->w);
    this->scale[0] = load_halves<Isa>(p + 320 + lane * 2);
    this->low[0] = load_halves<Isa>(p + 352 + lane * 2);
  }
};

// The two levels of q2_k, q4_k and q5_k: d * s and dmin * m are exact products (11 + 6 bits); w = d s code - dmin m.
template <class Isa>
GALAGO_INLINE typename Isa::F32 minus_low(typename Isa::F32 dmin, typename Isa::I32 m) {
  return times<Isa>(Isa::mul(dmin, Isa::to_f32(m)), -1.0f);
}

template <class Isa, int kBits>
struct SuperBlock : AffineBlock<Isa, kBits> {
  static constexpr std::int64_t kCodes = kBits == 5 ? 320 : 256;
  using Layout = TileLayout<64, 8, kCodes + 32>;
  SuperBlock() = default;
  GALAGO_INLINE SuperBlock(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    load_nibbles<Isa>(at.group + lane * 4, this->w);
    if constexpr (kBits == 5) add_bits<Isa, 4>(at.group + 256 + lane * 4, this->w);
    const auto s = Isa::load_u8(at.group + kCodes + lane), m = Isa::load_u8(at.group + kCodes + 16 + lane);
    this->scale[0] = Isa::mul(load_halves<Isa>(at.header + lane * 2), Isa::to_f32(s));
    this->low[0] = minus_low<Isa>(load_halves<Isa>(at.header + 32 + lane * 2), m);
  }
};

// Not `using`: g++ does not always inline a constructor that is inherited, and q5_k paid a call and its words' way
// through memory for each block.
template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ4_K> : SuperBlock<Isa, 4> {
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane)
      : SuperBlock<Isa, 4>(tile, block, lane) {}
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ5_K> : SuperBlock<Isa, 5> {
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane)
      : SuperBlock<Isa, 5>(tile, block, lane) {}
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ2_K> : AffineBlock<Isa, 2, 2> {
  using Layout = TileLayout<64, 8, 160>;
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    load_pairs<Isa, 0>(at.group + lane * 4, this->w);
    const auto d = load_halves<Isa>(at.header + lane * 2), dmin = load_halves<Isa>(at.header + 32 + lane * 2);
    GALAGO_UNROLL
    for (int half = 0; half < 2; ++half) {
      const auto both = Isa::load_u8(at.group + 128 + 16 * half + lane);
      this->scale[half] = Isa::mul(d, Isa::to_f32(Isa::and_i32(both, Isa::set1_i32(0xf))));
      this->low[half] = minus_low<Isa>(dmin, Isa::shift_right_i32(both, 4));
    }
  }
};

// Codes and their offset 4 are doubled.
template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ3_K> : OffsetBlock<Isa, 4, 8, 2> {
  using Layout = TileLayout<96, 8, 208>;
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    load_pairs<Isa, 1>(at.group + lane * 4, this->w);
    add_bits<Isa, 3>(at.group + 128 + lane * 4, this->w);
    const auto d = times<Isa>(load_halves<Isa>(at.header + lane * 2), 0.5f);
    const auto low = Isa::load_u8(at.group + 192 + lane);
    const auto high = Isa::shift_right_i32(Isa::load_u8(at.header + 32 + at.number / 2 * 16 + lane), at.number % 2 * 4);
    const auto nibble = Isa::set1_i32(0xf), pair = Isa::set1_i32(0x30), offset = Isa::set1_i32(32);
    const auto first =
        Isa::or_i32(Isa::and_i32(low, nibble), Isa::and_i32(Isa::template shift_left_i32<4>(high), pair));
    const auto second =
        Isa::or_i32(Isa::shift_right_i32(low, 4), Isa::and_i32(Isa::template shift_left_i32<2>(high), pair));
    this->scale[0] = Isa::mul(d, Isa::to_f32(Isa::sub_i32(first, offset)));
    this->scale[1] = Isa::mul(d, Isa::to_f32(Isa::sub_i32(second, offset)));
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ6_K> : OffsetBlock<Isa, 6, 32, 2> {
  using Layout = TileLayout<32, 8, 416>;
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    load_nibbles<Isa>(at.group + lane * 4, this->w);
    add_pairs<Isa, 4>(at.group + 256 + lane * 4, this->w);
    const auto d = load_halves<Isa>(at.header + lane * 2);
    const auto* s = reinterpret_cast<const std::int8_t*>(at.group + 384 + lane);
    this->scale[0] = Isa::mul(d, Isa::to_f32(Isa::load_i8(s)));
    this->scale[1] = Isa::mul(d, Isa::to_f32(Isa::load_i8(s + 16)));
  }
};

// Signs: codes 0 and 16 for -1 and 1, times 8.
template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ1_0> : OffsetBlock<Isa, 5, 8> {
  using Layout = TileLayout<32, 4, 64>;
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    load_bits<Isa, 4>(at.group + lane * 4, this->w);
    this->scale[0] = times<Isa>(load_halves<Isa>(at.header + lane * 2), 0.125f);
  }
};

// q - 1, times 8.
template <class Isa, std::int64_t kGroups>
struct PairsMinusOne : OffsetBlock<Isa, 5, 8> {
  using Layout = TileLayout<32, kGroups, 128>;
  PairsMinusOne() = default;
  GALAGO_INLINE PairsMinusOne(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    load_pairs<Isa, 3>(at.group + lane * 4, this->w);
    this->scale[0] = times<Isa>(load_halves<Isa>(at.header + lane * 2), 0.125f);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kQ2_0> : PairsMinusOne<Isa, 2> {
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane)
      : PairsMinusOne<Isa, 2>(tile, block, lane) {}
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kTQ2_0> : PairsMinusOne<Isa, 8> {
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane)
      : PairsMinusOne<Isa, 8>(tile, block, lane) {}
};

}  // namespace galago::cpu
