// 32 k of 16 weight rows, unpacked: byte vectors of codes and the scales of each lane (an output row), and what they
// add to the sums when multiplied with int8 activations. Scales stand for 32 k, or, kScales = 2, for 16 k each.
#pragma once

#include "backends/cpu/kernel_args.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

constexpr std::int64_t kBlockBytes = sizeof(QuantBlock);

// Of -8 * sum(x), as QuantBlock has it: -kOffset * sum(x).
template <class Isa, int kOffset>
GALAGO_INLINE typename Isa::I32 offset_sum(typename Isa::I32 minus_8_sums) {
  static_assert(kOffset == 8 || kOffset == 16 || kOffset == 32 || kOffset == 64 || kOffset == 128);
  if constexpr (kOffset == 8) return minus_8_sums;
  if constexpr (kOffset == 16) return Isa::template shift_left_i32<1>(minus_8_sums);
  if constexpr (kOffset == 32) return Isa::template shift_left_i32<2>(minus_8_sums);
  if constexpr (kOffset == 64) return Isa::template shift_left_i32<3>(minus_8_sums);
  if constexpr (kOffset == 128) return Isa::template shift_left_i32<4>(minus_8_sums);
}

// -8 * sum(x[0..15])
template <class Isa>
GALAGO_INLINE typename Isa::I32 low_bias(const QuantBlock& x) {
  return Isa::sub_i32(Isa::load1_i32(&x.bias), Isa::load1_i32(&x.high_bias));
}

// acc[r] += sums[r] * scale * the scale of row r's block
template <class Isa, int kRows>
GALAGO_INLINE void add_scaled(typename Isa::F32 (&acc)[kRows], const typename Isa::I32 (&sums)[kRows],
                              typename Isa::F32 scale, const QuantBlock* x, std::int64_t stride) {
  GALAGO_UNROLL
  for (int r = 0; r < kRows; ++r) {
    acc[r] = Isa::fma(Isa::to_f32(sums[r]), Isa::mul(scale, Isa::set1(x[r * stride].scale)), acc[r]);
  }
}

// w = scale * code + low: the sum of x enters as a float.
template <class Isa, int kBits, int kScales = 1>
struct AffineBlock {
  using Block = AffineBlock;  // what derives from it is this when stored
  using F32 = typename Isa::F32;
  using I32 = typename Isa::I32;
  typename Isa::Bytes w[8];
  F32 scale[kScales], low[kScales];

  template <int kRows>
  GALAGO_INLINE void accumulate(F32 (&acc)[kRows], const QuantBlock* x, std::int64_t stride) const {
    I32 sums[kRows];
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) sums[r] = Isa::set1_i32(0);
    Isa::template dot<kBits, 8 / kScales>(sums, w, x->codes, stride * kBlockBytes);
    if constexpr (kScales == 1) {
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) {
        acc[r] = Isa::fma(low[0], Isa::set1(x[r * stride].scaled_sum), acc[r]);
        acc[r] = Isa::fma(Isa::to_f32(sums[r]), Isa::mul(scale[0], Isa::set1(x[r * stride].scale)), acc[r]);
      }
    } else {
      // The sums of the halves of x come times -8.
      const F32 eighth = Isa::set1(-0.125f);
      const F32 lows[2] = {Isa::mul(low[0], eighth), Isa::mul(low[1], eighth)};
      F32 total[kRows];
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const F32 below = Isa::to_f32(low_bias<Isa>(x[r * stride]));
        total[r] = Isa::fma(lows[0], below, Isa::mul(Isa::to_f32(sums[r]), scale[0]));
        sums[r] = Isa::set1_i32(0);
      }
      Isa::template dot<kBits, 4>(sums, w + 4, x->codes + 16, stride * kBlockBytes);
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const F32 above = Isa::to_f32(Isa::load1_i32(&x[r * stride].high_bias));
        total[r] = Isa::fma(lows[1], above, Isa::fma(Isa::to_f32(sums[r]), scale[1], total[r]));
        acc[r] = Isa::fma(total[r], Isa::set1(x[r * stride].scale), acc[r]);
      }
    }
  }
};

// w = scale * (code - kOffset): the offset enters the integer sums, exactly. Formats whose offset is smaller than 8
// have codes and offset multiplied to reach it, and their scale divided.
template <class Isa, int kBits, int kOffset, int kScales = 1>
struct OffsetBlock {
  using Block = OffsetBlock;  // what derives from it is this when stored
  using F32 = typename Isa::F32;
  using I32 = typename Isa::I32;
  typename Isa::Bytes w[8];
  F32 scale[kScales];

  template <int kRows>
  GALAGO_INLINE void accumulate(F32 (&acc)[kRows], const QuantBlock* x, std::int64_t stride) const {
    I32 sums[kRows];
    if constexpr (kScales == 1) {
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) sums[r] = offset_sum<Isa, kOffset>(Isa::load1_i32(&x[r * stride].bias));
      Isa::template dot<kBits, 8>(sums, w, x->codes, stride * kBlockBytes);
      add_scaled<Isa>(acc, sums, scale[0], x, stride);
    } else {
      F32 total[kRows];
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) sums[r] = offset_sum<Isa, kOffset>(low_bias<Isa>(x[r * stride]));
      Isa::template dot<kBits, 4>(sums, w, x->codes, stride * kBlockBytes);
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) {
        total[r] = Isa::mul(Isa::to_f32(sums[r]), scale[0]);
        sums[r] = offset_sum<Isa, kOffset>(Isa::load1_i32(&x[r * stride].high_bias));
      }
      Isa::template dot<kBits, 4>(sums, w + 4, x->codes + 16, stride * kBlockBytes);
      GALAGO_UNROLL
      for (int r = 0; r < kRows; ++r) {
        total[r] = Isa::fma(Isa::to_f32(sums[r]), scale[1], total[r]);
        acc[r] = Isa::fma(total[r], Isa::set1(x[r * stride].scale), acc[r]);
      }
    }
  }
};

// w = scale * code of 8 bits and a sign, as prepare_signed() gives them.
template <class Isa>
struct SignedBlock {
  using Block = SignedBlock;  // what derives from it is this when stored
  using F32 = typename Isa::F32;
  typename Isa::Bytes w[8];
  F32 scale;

  template <int kRows>
  GALAGO_INLINE void accumulate(F32 (&acc)[kRows], const QuantBlock* x, std::int64_t stride) const {
    typename Isa::I32 sums[kRows];
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      sums[r] = Isa::kSignedBias ? offset_sum<Isa, 128>(Isa::load1_i32(&x[r * stride].bias)) : Isa::set1_i32(0);
    }
    Isa::template dot_signed<8>(sums, w, x->codes, stride * kBlockBytes);
    add_scaled<Isa>(acc, sums, scale, x, stride);
  }
};

GALAGO_INLINE WeightTile weight_tile(const WeightView& weight, std::int64_t tile) {
  return {reinterpret_cast<const std::uint8_t*>(weight.data) + tile * weight.tile_bytes, weight.grid};
}

// Where the parts of a tile block lie: a header, then kGroups groups of 32 k.
template <std::int64_t kHeader, std::int64_t kGroups, std::int64_t kGroupBytes>
struct TileLayout {
  static constexpr std::int64_t kBytes = kHeader + kGroups * kGroupBytes;
  static constexpr std::int64_t kStep = kBytes / kGroups;  // bytes of 32 k
  const std::uint8_t* header;
  const std::uint8_t* group;
  int number;  // of the group in its block

  GALAGO_INLINE TileLayout(const WeightTile& tile, std::int64_t block)
      : header(tile.data + block / kGroups * kBytes),
        group(header + kHeader + block % kGroups * kGroupBytes),
        number(static_cast<int>(block % kGroups)) {}
};

template <class Isa>
GALAGO_INLINE typename Isa::F32 load_halves(const std::uint8_t* p) {
  return Isa::load_f16(reinterpret_cast<const std::uint16_t*>(p));
}

// A scale of each lane times one for all.
template <class Isa>
GALAGO_INLINE typename Isa::F32 times(typename Isa::F32 scale, float factor) {
  return Isa::mul(scale, Isa::set1(factor));
}

// Int8Weights<Isa, kind> derives from one of the blocks above. Its constructor unpacks the 32 k of number `block` of a
// tile for the lanes from `lane` on; its Layout tells how the tile is laid out.
template <class Isa, WeightKind kKind>
struct Int8Weights;

}  // namespace galago::cpu
