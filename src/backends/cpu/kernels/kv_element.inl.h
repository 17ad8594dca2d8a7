// Elements of cached keys and values: f32, or f16 as std::uint16_t.
#pragma once

#include "backends/cpu/kernels/quantize.inl.h"

namespace galago::cpu {

template <class Isa, class Element>
struct KvElement;

template <class Isa>
struct KvElement<Isa, float> {
  static GALAGO_INLINE typename Isa::F32 load(const float* p) { return Isa::load(p); }
  static GALAGO_INLINE typename Isa::F32 load(const float* p, std::int64_t left) { return load_row<Isa>(p, left); }
  static GALAGO_INLINE void store(float* p, typename Isa::F32 v, std::int64_t left) { store_row<Isa>(p, v, left); }
};

template <class Isa>
struct KvElement<Isa, std::uint16_t> {
  static GALAGO_INLINE typename Isa::F32 load(const std::uint16_t* p) { return Isa::load_f16(p); }
  static GALAGO_INLINE typename Isa::F32 load(const std::uint16_t* p, std::int64_t left) {
    return left >= Isa::kLanes ? Isa::load_f16(p) : Isa::load_f16_part(p, left);
  }
  static GALAGO_INLINE void store(std::uint16_t* p, typename Isa::F32 v, std::int64_t left) {
    if (left >= Isa::kLanes) return Isa::store_f16(p, v);
    Isa::store_f16_part(p, v, left);
  }
};

}  // namespace galago::cpu
