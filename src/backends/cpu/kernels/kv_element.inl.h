// Elements of cached keys and values: f32, or f16 and bf16 as two types of 16 bits.
#pragma once

#include "backends/cpu/kernels/quantize.inl.h"

namespace galago::cpu {

struct HalfElement {
  std::uint16_t bits;
};
struct BFloatElement {
  std::uint16_t bits;
};

template <class Isa, class Element>
struct KvElement;

template <class Isa>
struct KvElement<Isa, float> {
  static GALAGO_INLINE typename Isa::F32 load(const float* p) { return Isa::load(p); }
  static GALAGO_INLINE typename Isa::F32 load(const float* p, std::int64_t left) { return load_row<Isa>(p, left); }
  static GALAGO_INLINE void store(float* p, typename Isa::F32 v, std::int64_t left) { store_row<Isa>(p, v, left); }
};

template <class Isa>
struct KvElement<Isa, HalfElement> {
  static GALAGO_INLINE typename Isa::F32 load(const HalfElement* p) { return Isa::load_f16(&p->bits); }
  static GALAGO_INLINE typename Isa::F32 load(const HalfElement* p, std::int64_t left) {
    return left >= Isa::kLanes ? Isa::load_f16(&p->bits) : Isa::load_f16_part(&p->bits, left);
  }
  static GALAGO_INLINE void store(HalfElement* p, typename Isa::F32 v, std::int64_t left) {
    if (left >= Isa::kLanes) return Isa::store_f16(&p->bits, v);
    Isa::store_f16_part(&p->bits, v, left);
  }
};

template <class Isa>
struct KvElement<Isa, BFloatElement> {
  static GALAGO_INLINE typename Isa::F32 load(const BFloatElement* p) { return Isa::load_bf16(&p->bits); }
  static GALAGO_INLINE typename Isa::F32 load(const BFloatElement* p, std::int64_t left) {
    if (left >= Isa::kLanes) return Isa::load_bf16(&p->bits);
    std::uint16_t bits[Isa::kLanes] = {};
    for (std::int64_t i = 0; i < left; ++i) bits[i] = p[i].bits;
    return Isa::load_bf16(bits);
  }
  // Rounded to nearest, ties to even; NaN stays NaN.
  static GALAGO_INLINE void store(BFloatElement* p, typename Isa::F32 v, std::int64_t left) {
    float values[Isa::kLanes];
    Isa::store(values, v);
    const std::int64_t n = left < Isa::kLanes ? left : Isa::kLanes;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto bits = __builtin_bit_cast(std::uint32_t, values[i]);
      const bool nan = (bits & 0x7fffffff) > 0x7f800000;
      p[i].bits = static_cast<std::uint16_t>(nan ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
  }
};

}  // namespace galago::cpu
