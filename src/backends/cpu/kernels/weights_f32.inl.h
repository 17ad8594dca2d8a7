// Weight tiles (packing.h) back to f32, bit for bit as the reference codecs decode them: the same roundings in the same
// order, or exact products. The output is k-major, (count, 16).
#pragma once

#include "backends/cpu/kernels/weights_int8.inl.h"

namespace galago::cpu {

// Byte i of vector j is k = 4 j + i. `scale(code, j)` turns codes into weights.
template <class Isa, bool kSigned, class Scale>
GALAGO_INLINE void store_codes(const typename Isa::Bytes* w, int lane, float* out, const Scale& scale) {
  GALAGO_UNROLL
  for (int j = 0; j < 8; ++j) {
    float* to = out + 4 * j * kTileRows + lane;
    if constexpr (kSigned) {
      Isa::store(to, scale(Isa::to_f32(Isa::template signed_byte<0>(w[j])), j));
      Isa::store(to + kTileRows, scale(Isa::to_f32(Isa::template signed_byte<1>(w[j])), j));
      Isa::store(to + 2 * kTileRows, scale(Isa::to_f32(Isa::template signed_byte<2>(w[j])), j));
      Isa::store(to + 3 * kTileRows, scale(Isa::to_f32(Isa::template signed_byte<3>(w[j])), j));
    } else {
      Isa::store(to, scale(Isa::to_f32(Isa::template byte<0>(w[j])), j));
      Isa::store(to + kTileRows, scale(Isa::to_f32(Isa::template byte<1>(w[j])), j));
      Isa::store(to + 2 * kTileRows, scale(Isa::to_f32(Isa::template byte<2>(w[j])), j));
      Isa::store(to + 3 * kTileRows, scale(Isa::to_f32(Isa::template byte<3>(w[j])), j));
    }
  }
}

template <class Isa, int kBits, int kScales>
GALAGO_INLINE void store_block(const AffineBlock<Isa, kBits, kScales>& b, int lane, float* out) {
  using F32 = typename Isa::F32;
  store_codes<Isa, false>(b.w, lane, out, [&](F32 code, int j) GALAGO_LAMBDA {
    return Isa::add(Isa::mul(b.scale[j * kScales / 8], code), b.low[j * kScales / 8]);
  });
}

template <class Isa, int kBits, int kOffset, int kScales>
GALAGO_INLINE void store_block(const OffsetBlock<Isa, kBits, kOffset, kScales>& b, int lane, float* out) {
  using F32 = typename Isa::F32;
  const F32 offset = Isa::set1(static_cast<float>(kOffset));
  store_codes<Isa, false>(b.w, lane, out, [&](F32 code, int j) GALAGO_LAMBDA {
    return Isa::mul(b.scale[j * kScales / 8], Isa::sub(code, offset));
  });
}

template <class Isa>
GALAGO_INLINE void store_block(const SignedBlock<Isa>& b, int lane, float* out) {
  using F32 = typename Isa::F32;
  typename Isa::Bytes w[8];
  GALAGO_UNROLL
  for (int j = 0; j < 8; ++j) w[j] = Isa::prepare_signed(b.w[j]);  // back to signed
  store_codes<Isa, true>(w, lane, out, [&](F32 code, int) GALAGO_LAMBDA { return Isa::mul(b.scale, code); });
}

// Kinds that are floats in their tiles.
template <WeightKind kKind>
constexpr bool kIsFloat = kKind == WeightKind::kF32 || kKind == WeightKind::kF16 || kKind == WeightKind::kBF16;

template <class Isa, WeightKind kKind>
GALAGO_INLINE typename Isa::F32 load_floats(const std::uint8_t* p) {
  static_assert(kIsFloat<kKind>);
  if constexpr (kKind == WeightKind::kF32) return Isa::load(reinterpret_cast<const float*>(p));
  if constexpr (kKind == WeightKind::kF16) return Isa::load_f16(reinterpret_cast<const std::uint16_t*>(p));
  if constexpr (kKind == WeightKind::kBF16) return Isa::load_bf16(reinterpret_cast<const std::uint16_t*>(p));
}

// Weights k0 .. k0 + count of one tile; both are multiples of 32 for block kinds.
template <class Isa, WeightKind kKind>
GALAGO_INLINE void expand_tile(const WeightTile& tile, std::int64_t k0, std::int64_t count, float* out) {
  if constexpr (kKind == WeightKind::kF16 || kKind == WeightKind::kBF16) {
    const std::uint8_t* halves = tile.data + 2 * k0 * kTileRows;
    for (std::int64_t i = 0; i < count * kTileRows; i += Isa::kLanes) {
      Isa::store(out + i, load_floats<Isa, kKind>(halves + 2 * i));
    }
  } else {
    for (std::int64_t k = 0; k < count; k += kQuantGroup, out += kQuantGroup * kTileRows) {
      for (int lane = 0; lane < kTileRows; lane += Isa::kLanes) {
        store_block<Isa>(Int8Weights<Isa, kKind>(tile, (k0 + k) / kQuantGroup, lane), lane, out);
      }
    }
  }
}

// The same from the file's rows, through their codec; rows beyond the matrix are zeros.
template <class Isa>
void expand_rows(const WeightView& weight, std::int64_t tile, std::int64_t k0, std::int64_t count, float* out) {
  alignas(64) float values[256];
  const std::int64_t offset = k0 / weight.block_elements * weight.block_bytes;
  for (int lane = 0; lane < kTileRows; ++lane) {
    const std::int64_t row = tile * kTileRows + lane;
    if (row >= weight.rows) {
      for (std::int64_t k = 0; k < count; ++k) out[k * kTileRows + lane] = 0.0f;
      continue;
    }
    const std::int64_t source = weight.row_order == nullptr ? row : weight.row_order[row];
    weight.decode_row(weight.data + source * weight.row_bytes + offset, values, count);
    for (std::int64_t k = 0; k < count; ++k) out[k * kTileRows + lane] = values[k];
  }
}

}  // namespace galago::cpu
