// Unpacking of the formats whose codes are indices into a grid: iq1, iq2 and iq3. A grid entry (grid_tables.h) is a
// word of nibbles; with the sign or shift of each element as a further bit they are looked up among at most 16 levels,
// so that every byte comes out as its offset code.
#pragma once

#include "backends/cpu/kernels/bit_planes.inl.h"
#include "backends/cpu/kernels/blocks_int8.inl.h"
#include "backends/cpu/kernels/weights_codebook.inl.h"

namespace galago::cpu {

// Bit 2 of the index is the sign; level 3 occurs in no grid. quant/iq_grids.h
constexpr std::int8_t kIQ2SignedLevels[16] = {8, 25, 43, 0, -8, -25, -43, 0};
// Times 8; bit 2 of the index: shift down.
constexpr std::int8_t kIQ1ShiftedLevels[16] = {-7, 1, 9, 0, -9, -1, 7, 0};
// Bit 3 of the index is the sign.
constexpr std::int8_t kIQ3_XXSSignedLevels[16] = {4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62};
constexpr std::int8_t kIQ3_SSignedLevels[16] = {1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15};

// Bits [from, from + count) of each lane, moved to bit `to`.
template <class Isa>
GALAGO_INLINE typename Isa::I32 bit_field(typename Isa::I32 v, int from, int count) {
  return Isa::and_i32(Isa::shift_right_i32(v, from), Isa::set1_i32((1 << count) - 1));
}

// load_u8(low) and above it `count` bits of `upper`.
template <class Isa>
GALAGO_INLINE typename Isa::I32 grid_index(const std::uint8_t* low, typename Isa::I32 upper, int from, int count) {
  return Isa::or_i32(Isa::load_u8(low), Isa::template shift_left_i32<8>(bit_field<Isa>(upper, from, count)));
}

// The nibbles of octet o, whose bits 2 and 6 are taken from `bits`: two vectors.
template <class Isa>
GALAGO_INLINE void expand_octet(typename Isa::Table levels, typename Isa::Bytes nibbles, typename Isa::Bytes bits,
                                typename Isa::Bytes* w) {
  const auto index = Isa::or_bytes(nibbles, Isa::and_bytes(bits, Isa::set1_bytes(0x44)));
  const auto mask = Isa::set1_bytes(0x0f);
  w[0] = Isa::lookup(levels, Isa::and_bytes(index, mask));
  w[1] = Isa::lookup(levels, Isa::and_bytes(Isa::template shift_right<4>(index), mask));
}

// iq2: the nibbles of four octets and their octet bits of signs.
template <class Isa>
GALAGO_INLINE void expand_octets(const Codebook& book, const typename Isa::Bytes* nibbles, typename Isa::Bytes signs,
                                 typename Isa::Bytes* w) {
  const auto levels = Isa::load_table(book.at);
  expand_octet<Isa>(levels, nibbles[0], move_bit<Isa, 0, 2>(signs), w);
  expand_octet<Isa>(levels, nibbles[1], move_bit<Isa, 1, 2>(signs), w + 2);
  expand_octet<Isa>(levels, nibbles[2], signs, w + 4);
  expand_octet<Isa>(levels, nibbles[3], move_bit<Isa, 3, 2>(signs), w + 6);
}

// iq3: one index for each 4 k.
template <class Isa, int kVector>
GALAGO_INLINE typename Isa::Bytes expand_four(typename Isa::Table levels, typename Isa::Bytes nibbles,
                                              typename Isa::Bytes signs) {
  const auto sign = move_bit<Isa, kVector / 2 + kVector % 2 * 4, 3>(signs);
  return Isa::lookup(levels, Isa::or_bytes(nibbles, Isa::and_bytes(sign, Isa::set1_bytes(0x08))));
}

template <class Isa>
GALAGO_INLINE void expand_fours(const Codebook& book, const typename Isa::Bytes* nibbles, typename Isa::Bytes signs,
                                typename Isa::Bytes* w) {
  const auto levels = Isa::load_table(book.at);
  w[0] = expand_four<Isa, 0>(levels, nibbles[0], signs);
  w[1] = expand_four<Isa, 1>(levels, nibbles[1], signs);
  w[2] = expand_four<Isa, 2>(levels, nibbles[2], signs);
  w[3] = expand_four<Isa, 3>(levels, nibbles[3], signs);
  w[4] = expand_four<Isa, 4>(levels, nibbles[4], signs);
  w[5] = expand_four<Isa, 5>(levels, nibbles[5], signs);
  w[6] = expand_four<Isa, 6>(levels, nibbles[6], signs);
  w[7] = expand_four<Isa, 7>(levels, nibbles[7], signs);
}

// Octet bits of which the files keep seven of eight: the eighth (byte 3, bit o + 4) makes their number even. Bits 28 to
// 31 of a lane are used otherwise.
template <class Isa>
GALAGO_INLINE typename Isa::Bytes even_signs(typename Isa::I32 packed) {
  const auto seven = Isa::and_i32(packed, Isa::set1_i32(0x0fffffff));
  auto parity = Isa::xor_i32(seven, Isa::shift_right_i32(seven, 16));
  parity = Isa::xor_i32(parity, Isa::shift_right_i32(parity, 8));
  parity = Isa::xor_i32(parity, Isa::shift_right_i32(parity, 4));
  return Isa::as_bytes(Isa::or_i32(seven, Isa::template shift_left_i32<28>(parity)));
}

template <class Isa>
GALAGO_INLINE typename Isa::I32 load_words(const std::uint8_t* p) {
  return Isa::as_i32(Isa::load_bytes(p));
}

// d * (s + 1/2) * factor
template <class Isa>
GALAGO_INLINE typename Isa::F32 half_step(typename Isa::F32 d, typename Isa::I32 s, float factor) {
  return times<Isa>(Isa::mul(d, Isa::add(Isa::to_f32(s), Isa::set1(0.5f))), factor);
}

// d * (2 s + 1) * factor
template <class Isa>
GALAGO_INLINE typename Isa::F32 odd_step(typename Isa::F32 d, typename Isa::I32 s, float factor) {
  return half_step<Isa>(d, s, 2.0f * factor);
}

template <class Isa>
struct Int8Weights<Isa, WeightKind::kIQ2_XXS> : OffsetBlock<Isa, 7, 64> {
  using Layout = TileLayout<32, 8, 128>;
  static constexpr Codebook kBook = moved_levels(kIQ2SignedLevels, 64);
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    const auto packed = load_words<Isa>(at.group + 64 + lane * 4);
    typename Isa::Bytes nibbles[4];
    GALAGO_UNROLL
    for (int o = 0; o < 4; ++o) nibbles[o] = Isa::gather_u8(tile.grid, at.group + 16 * o + lane);
    expand_octets<Isa>(kBook, nibbles, even_signs<Isa>(packed), this->w);
    this->scale[0] = half_step<Isa>(load_halves<Isa>(at.header + lane * 2), Isa::shift_right_i32(packed, 28), 0.25f);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kIQ2_XS> : OffsetBlock<Isa, 7, 64, 2> {
  using Layout = TileLayout<32, 8, 144>;
  static constexpr Codebook kBook = moved_levels(kIQ2SignedLevels, 64);
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    const auto packed = load_words<Isa>(at.group + 64 + lane * 4);
    typename Isa::Bytes nibbles[4];
    GALAGO_UNROLL
    for (int o = 0; o < 4; ++o) {
      nibbles[o] = Isa::gather(tile.grid, grid_index<Isa>(at.group + 16 * o + lane, packed, 28 + o, 1));
    }
    expand_octets<Isa>(kBook, nibbles, even_signs<Isa>(packed), this->w);
    const auto d = load_halves<Isa>(at.header + lane * 2);
    const auto s = Isa::load_u8(at.group + 128 + lane);
    this->scale[0] = half_step<Isa>(d, bit_field<Isa>(s, 0, 4), 0.25f);
    this->scale[1] = half_step<Isa>(d, bit_field<Isa>(s, 4, 4), 0.25f);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kIQ2_S> : OffsetBlock<Isa, 7, 64, 2> {
  using Layout = TileLayout<32, 8, 160>;
  static constexpr Codebook kBook = moved_levels(kIQ2SignedLevels, 64);
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    const auto upper = Isa::load_u8(at.group + 128 + lane), s = Isa::load_u8(at.group + 144 + lane);
    typename Isa::Bytes nibbles[4];
    GALAGO_UNROLL
    for (int o = 0; o < 4; ++o) {
      nibbles[o] = Isa::gather(tile.grid, grid_index<Isa>(at.group + 16 * o + lane, upper, 2 * o, 2));
    }
    expand_octets<Isa>(kBook, nibbles, Isa::load_bytes(at.group + 64 + lane * 4), this->w);
    const auto d = load_halves<Isa>(at.header + lane * 2);
    this->scale[0] = half_step<Isa>(d, bit_field<Isa>(s, 0, 4), 0.25f);
    this->scale[1] = half_step<Isa>(d, bit_field<Isa>(s, 4, 4), 0.25f);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kIQ3_XXS> : OffsetBlock<Isa, 7, 64> {
  using Layout = TileLayout<32, 8, 192>;
  static constexpr Codebook kBook = moved_levels(kIQ3_XXSSignedLevels, 64);
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    const auto packed = load_words<Isa>(at.group + 128 + lane * 4);
    typename Isa::Bytes nibbles[8];
    GALAGO_UNROLL
    for (int j = 0; j < 8; ++j) nibbles[j] = Isa::gather_u8(tile.grid, at.group + 16 * j + lane);
    expand_fours<Isa>(kBook, nibbles, even_signs<Isa>(packed), this->w);
    this->scale[0] = half_step<Isa>(load_halves<Isa>(at.header + lane * 2), Isa::shift_right_i32(packed, 28), 0.5f);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kIQ3_S> : OffsetBlock<Isa, 5, 16> {
  using Layout = TileLayout<96, 8, 208>;
  static constexpr Codebook kBook = moved_levels(kIQ3_SSignedLevels, 16);
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    const auto upper = Isa::load_u8(at.group + 192 + lane);
    typename Isa::Bytes nibbles[8];
    GALAGO_UNROLL
    for (int j = 0; j < 8; ++j) {
      nibbles[j] = Isa::gather(tile.grid, grid_index<Isa>(at.group + 16 * j + lane, upper, j, 1));
    }
    expand_fours<Isa>(kBook, nibbles, Isa::load_bytes(at.group + 128 + lane * 4), this->w);
    const auto both = Isa::load_u8(at.header + 32 + at.number / 2 * 16 + lane);
    const auto s = bit_field<Isa>(both, at.number % 2 * 4, 4);
    this->scale[0] = odd_step<Isa>(load_halves<Isa>(at.header + lane * 2), s, 1.0f);
  }
};

// iq1: the shift is the same for the 8 k of an octet: bit `from` of a lane as the bits of all its bytes.
template <class Isa>
GALAGO_INLINE typename Isa::Bytes spread_bit(typename Isa::I32 v, int from) {
  return Isa::as_bytes(Isa::sub_i32(Isa::set1_i32(0), bit_field<Isa>(v, from, 1)));
}

// The file's 16 bits of each row, in two bytes.
template <class Isa>
GALAGO_INLINE typename Isa::I32 load_split_u16(const std::uint8_t* p) {
  return Isa::or_i32(Isa::load_u8(p), Isa::template shift_left_i32<8>(Isa::load_u8(p + 16)));
}

template <class Isa>
struct Int8Weights<Isa, WeightKind::kIQ1_S> : OffsetBlock<Isa, 5, 16> {
  using Layout = TileLayout<32, 8, 96>;
  static constexpr Codebook kBook = moved_levels(kIQ1ShiftedLevels, 16);
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    const auto levels = Isa::load_table(kBook.at);
    const auto word = load_split_u16<Isa>(at.group + 64 + lane);
    const auto down = spread_bit<Isa>(word, 15);
    GALAGO_UNROLL
    for (int o = 0; o < 4; ++o) {
      const auto index = grid_index<Isa>(at.group + 16 * o + lane, word, 3 * o, 3);
      expand_octet<Isa>(levels, Isa::gather(tile.grid, index), down, this->w + 2 * o);
    }
    this->scale[0] = odd_step<Isa>(load_halves<Isa>(at.header + lane * 2), bit_field<Isa>(word, 12, 3), 0.125f);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kIQ1_M> : OffsetBlock<Isa, 5, 16, 2> {
  using Layout = TileLayout<128, 8, 96>;
  static constexpr Codebook kBook = moved_levels(kIQ1ShiftedLevels, 16);
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    const auto levels = Isa::load_table(kBook.at);
    const auto word = load_split_u16<Isa>(at.group + 64 + lane);
    GALAGO_UNROLL
    for (int o = 0; o < 4; ++o) {
      const auto index = grid_index<Isa>(at.group + 16 * o + lane, word, 4 * o, 3);
      expand_octet<Isa>(levels, Isa::gather(tile.grid, index), spread_bit<Isa>(word, 4 * o + 3), this->w + 2 * o);
    }
    const std::uint8_t* steps = at.header + 32 + lane;
    const int quarter = at.number / 2;  // of 64 k, whose four 3-bit s are 12 bits
    const auto above = bit_field<Isa>(Isa::load_u8(steps + 64 + quarter / 2 * 16), quarter % 2 * 4, 4);
    const auto s = Isa::or_i32(Isa::load_u8(steps + quarter * 16), Isa::template shift_left_i32<8>(above));
    const auto d = load_halves<Isa>(at.header + lane * 2);
    this->scale[0] = odd_step<Isa>(d, bit_field<Isa>(s, at.number % 2 * 6, 3), 0.125f);
    this->scale[1] = odd_step<Isa>(d, bit_field<Isa>(s, at.number % 2 * 6 + 3, 3), 0.125f);
  }
};

}  // namespace galago::cpu
