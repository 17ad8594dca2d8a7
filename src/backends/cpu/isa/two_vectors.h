// Two vectors of an Isa side by side as one of twice the lanes: what the blocks of linear_int8 ask of sums.
#pragma once

#include <cstdint>

#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

template <class Isa>
struct TwoVectors {
  struct F32 {
    typename Isa::F32 first, second;
  };
  struct I32 {
    typename Isa::I32 first, second;
  };
  struct Bytes {
    typename Isa::Bytes first, second;
  };
  static constexpr int kLanes = 2 * Isa::kLanes;

  static GALAGO_INLINE F32 load(const float* p) { return {Isa::load(p), Isa::load(p + Isa::kLanes)}; }
  static GALAGO_INLINE void store(float* p, F32 v) {
    Isa::store(p, v.first);
    Isa::store(p + Isa::kLanes, v.second);
  }
  static GALAGO_INLINE F32 set1(float v) { return {Isa::set1(v), Isa::set1(v)}; }
  static GALAGO_INLINE F32 mul(F32 a, F32 b) { return {Isa::mul(a.first, b.first), Isa::mul(a.second, b.second)}; }
  static GALAGO_INLINE F32 fma(F32 a, F32 b, F32 c) {
    return {Isa::fma(a.first, b.first, c.first), Isa::fma(a.second, b.second, c.second)};
  }
  static GALAGO_INLINE F32 to_f32(I32 v) { return {Isa::to_f32(v.first), Isa::to_f32(v.second)}; }
  static GALAGO_INLINE I32 set1_i32(std::int32_t v) { return {Isa::set1_i32(v), Isa::set1_i32(v)}; }
  static GALAGO_INLINE I32 add_i32(I32 a, I32 b) {
    return {Isa::add_i32(a.first, b.first), Isa::add_i32(a.second, b.second)};
  }
};

}  // namespace galago::cpu
