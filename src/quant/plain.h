// The element types that are no block formats: a value an element.
#pragma once

#include "quant/block.h"
#include "quant/half.h"

namespace galago::quant {

template <class T>
struct Plain {
  static constexpr int kElements = 1;
  T value;
};

// What two types of the same size and different meaning need to be told apart by.
struct Half {
  static constexpr int kElements = 1;
  std::uint16_t bits;
};
struct BFloat {
  static constexpr int kElements = 1;
  std::uint16_t bits;
};
struct Bool {
  static constexpr int kElements = 1;
  std::uint8_t byte;  // anything but 0 is true
};

// clang-format off: a table
template <> struct BlockOf<DType::kF32> { using type = Plain<float>; };
template <> struct BlockOf<DType::kF64> { using type = Plain<double>; };
template <> struct BlockOf<DType::kF16> { using type = Half; };
template <> struct BlockOf<DType::kBF16> { using type = BFloat; };
template <> struct BlockOf<DType::kI8> { using type = Plain<std::int8_t>; };
template <> struct BlockOf<DType::kI16> { using type = Plain<std::int16_t>; };
template <> struct BlockOf<DType::kI32> { using type = Plain<std::int32_t>; };
template <> struct BlockOf<DType::kI64> { using type = Plain<std::int64_t>; };
template <> struct BlockOf<DType::kU8> { using type = Plain<std::uint8_t>; };
template <> struct BlockOf<DType::kBool> { using type = Bool; };
// clang-format on

// Rounded to nearest where an f32 cannot hold the value (f64, i32, i64).
template <class T>
void decode(const Plain<T>& block, float* out) {
  *out = static_cast<float>(block.value);
}
inline void decode(const Half& block, float* out) { *out = f16_to_f32(block.bits); }
inline void decode(const BFloat& block, float* out) { *out = bf16_to_f32(block.bits); }
inline void decode(const Bool& block, float* out) { *out = block.byte != 0 ? 1.0f : 0.0f; }

inline void encode(const float* values, Plain<float>* block) { block->value = *values; }
inline void encode(const float* values, Half* block) { block->bits = f32_to_f16(*values); }
inline void encode(const float* values, BFloat* block) { block->bits = f32_to_bf16(*values); }

}  // namespace galago::quant
