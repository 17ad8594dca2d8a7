// Unpacking of the formats whose nibbles stand for 16 fixed levels: iq4_nl, iq4_xs, mxfp4, nvfp4.
#pragma once

#include "backends/cpu/kernels/bit_planes.inl.h"
#include "backends/cpu/kernels/blocks_int8.inl.h"

namespace galago::cpu {

struct Codebook {
  std::uint8_t at[16];
};

// Every level plus `offset`, modulo 256.
constexpr Codebook moved_levels(const std::int8_t (&levels)[16], int offset) {
  Codebook book{};
  for (int i = 0; i < 16; ++i) book.at[i] = static_cast<std::uint8_t>(levels[i] + offset);
  return book;
}

// quant/iq4_codebook.h and quant/e2m1.h
constexpr std::int8_t kIQ4Levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
constexpr std::int8_t kTwiceE2M1Levels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

template <class Isa>
GALAGO_INLINE void load_levels(const std::uint8_t* p, const Codebook& book, typename Isa::Bytes* w) {
  const auto table = Isa::load_table(book.at);
  load_nibbles<Isa>(p, w);
  GALAGO_UNROLL
  for (int j = 0; j < 8; ++j) w[j] = Isa::lookup(table, w[j]);
}

template <class Isa>
struct IQ4Levels : SignedBlock<Isa> {
  // prepare_signed() is done in the table: it adds 128 or nothing.
  static constexpr Codebook kBook = moved_levels(kIQ4Levels, Isa::kSignedBias ? 128 : 0);
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kIQ4_NL> : IQ4Levels<Isa> {
  using Layout = TileLayout<0, 1, 288>;
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const std::uint8_t* p = Layout(tile, block).group;
    load_levels<Isa>(p + lane * 4, this->kBook, this->w);
    this->scale = load_halves<Isa>(p + 256 + lane * 2);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kIQ4_XS> : IQ4Levels<Isa> {
  using Layout = TileLayout<32, 8, 272>;
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const Layout at(tile, block);
    load_levels<Isa>(at.group + lane * 4, this->kBook, this->w);
    const auto s = Isa::load_i8(reinterpret_cast<const std::int8_t*>(at.group + 256 + lane));
    this->scale = Isa::mul(load_halves<Isa>(at.header + lane * 2), Isa::to_f32(s));
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kMXFP4> : OffsetBlock<Isa, 5, 16> {
  using Layout = TileLayout<0, 1, 272>;
  static constexpr Codebook kBook = moved_levels(kTwiceE2M1Levels, 16);
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const std::uint8_t* p = Layout(tile, block).group;
    load_levels<Isa>(p + lane * 4, kBook, this->w);
    // 2^(code - 127), halved because the levels are doubled.
    const auto exponent = Isa::sub(Isa::to_f32(Isa::load_u8(p + 256 + lane)), Isa::set1(128.0f));
    this->scale[0] = Isa::scale_by_power(Isa::set1(1.0f), exponent);
  }
};

template <class Isa>
struct Int8Weights<Isa, WeightKind::kNVFP4> : OffsetBlock<Isa, 5, 16, 2> {
  using Layout = TileLayout<0, 2, 288>;
  static constexpr Codebook kBook = moved_levels(kTwiceE2M1Levels, 16);
  Int8Weights() = default;
  GALAGO_INLINE Int8Weights(const WeightTile& tile, std::int64_t block, int lane) {
    const std::uint8_t* p = Layout(tile, block).group;
    load_levels<Isa>(p + lane * 4, kBook, this->w);
    this->scale[0] = times<Isa>(Isa::load_e4m3(p + 256 + lane), 0.5f);
    this->scale[1] = times<Isa>(Isa::load_e4m3(p + 272 + lane), 0.5f);
  }
};

}  // namespace galago::cpu
