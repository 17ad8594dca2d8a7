// Two weight tiles side by side as one of 32 lanes: each activation is broadcast once for both, and a step has as many
// independent sums as the 32 registers hold. Only what the blocks of linear_int8 ask for; lanes [0, 16) are the first
// tile's.
#pragma once

#include "backends/cpu/isa/two_vectors.h"
#include "backends/cpu/isa/vnni_dots.h"
#include "backends/cpu/kernels/blocks_int8.inl.h"

namespace galago::cpu {

template <class Isa>
struct TwoTiles : TwoVectors<Isa>, VnniDots<TwoTiles<Isa>> {
  using typename TwoVectors<Isa>::F32;
  using typename TwoVectors<Isa>::I32;
  using typename TwoVectors<Isa>::Bytes;
  static constexpr int kRegisters = Isa::kRegisters;
  static constexpr int kIntRows = 6;

  static GALAGO_INLINE I32 load1_i32(const std::int32_t* p) { return {Isa::load1_i32(p), Isa::load1_i32(p)}; }
  static GALAGO_INLINE I32 sub_i32(I32 a, I32 b) {
    return {Isa::sub_i32(a.first, b.first), Isa::sub_i32(a.second, b.second)};
  }
  template <int kBits>
  static GALAGO_INLINE I32 shift_left_i32(I32 a) {
    return {Isa::template shift_left_i32<kBits>(a.first), Isa::template shift_left_i32<kBits>(a.second)};
  }
  static GALAGO_INLINE typename Isa::Bytes broadcast4(const std::int8_t* x) { return Isa::broadcast4(x); }
  static GALAGO_INLINE I32 multiply_add(I32 sum, Bytes w, typename Isa::Bytes x) {
    return {Isa::multiply_add(sum.first, w.first, x), Isa::multiply_add(sum.second, w.second, x)};
  }

  // The same block of both tiles.
  template <int kBits, int kScales>
  static GALAGO_INLINE AffineBlock<TwoTiles, kBits, kScales> join(const AffineBlock<Isa, kBits, kScales>& first,
                                                                  const AffineBlock<Isa, kBits, kScales>& second) {
    AffineBlock<TwoTiles, kBits, kScales> both;
    join_codes(first, second, &both);
    join_scales(first.scale, second.scale, both.scale);
    join_scales(first.low, second.low, both.low);
    return both;
  }
  template <int kBits, int kOffset, int kScales>
  static GALAGO_INLINE OffsetBlock<TwoTiles, kBits, kOffset, kScales> join(
      const OffsetBlock<Isa, kBits, kOffset, kScales>& first, const OffsetBlock<Isa, kBits, kOffset, kScales>& second) {
    OffsetBlock<TwoTiles, kBits, kOffset, kScales> both;
    join_codes(first, second, &both);
    join_scales(first.scale, second.scale, both.scale);
    return both;
  }
  static GALAGO_INLINE SignedBlock<TwoTiles> join(const SignedBlock<Isa>& first, const SignedBlock<Isa>& second) {
    SignedBlock<TwoTiles> both;
    join_codes(first, second, &both);
    both.scale = {first.scale, second.scale};
    return both;
  }

 private:
  template <class Block, class Both>
  static GALAGO_INLINE void join_codes(const Block& first, const Block& second, Both* both) {
    GALAGO_UNROLL
    for (int j = 0; j < 8; ++j) both->w[j] = {first.w[j], second.w[j]};
  }
  template <int kScales>
  static GALAGO_INLINE void join_scales(const typename Isa::F32 (&first)[kScales],
                                        const typename Isa::F32 (&second)[kScales], F32 (&both)[kScales]) {
    GALAGO_UNROLL
    for (int i = 0; i < kScales; ++i) both[i] = {first[i], second[i]};
  }
};

}  // namespace galago::cpu
