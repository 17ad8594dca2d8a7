// Conversions between float and the narrow floating-point formats. Exact where the narrow format holds the value, else
// rounded to nearest, ties to even; NaN stays NaN (quieted, as F16C and AVX-512 do), its sign and leading payload kept.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace galago::quant {

// The code, without sign and unlimited above, nearest to the magnitude whose f32 bits are `magnitude` (not NaN), in a
// format of `mantissa_bits` and exponent bias `bias` that has subnormals: IEEE f16 is (10, 15), E4M3 is (3, 7).
constexpr std::uint32_t nearest_code(std::uint32_t magnitude, int mantissa_bits, int bias) {
  const int shift = 23 - mantissa_bits;
  const auto first_normal = static_cast<std::uint32_t>(128 - bias) << 23;
  if (magnitude >= first_normal) {
    const std::uint32_t rounded = magnitude + (1u << (shift - 1)) - 1 + ((magnitude >> shift) & 1);
    return (rounded - (static_cast<std::uint32_t>(127 - bias) << 23)) >> shift;
  }
  // Subnormal: count units of 2^(1 - bias - mantissa_bits). Below half a unit everything is zero, f32's own subnormals
  // too.
  const int drop = shift + (128 - bias) - static_cast<int>(magnitude >> 23);
  if (drop > 24) return 0;
  const std::uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
  const std::uint32_t rest = mantissa & ((1u << drop) - 1), half = 1u << (drop - 1);
  const std::uint32_t units = mantissa >> drop;
  return units + ((rest > half || (rest == half && (units & 1) != 0)) ? 1 : 0);
}

constexpr float f16_to_f32(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1f, mantissa = half & 0x3ff;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24 is exact in f32
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(static_cast<float>(mantissa) * 0x1p-24f));
  }
  if (exponent == 0x1f) {
    const std::uint32_t quiet = mantissa != 0 ? 0x400000 : 0;
    return std::bit_cast<float>(sign | 0x7f800000 | quiet | mantissa << 13);
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);  // 112: the biases' difference, 127 - 15
}

constexpr std::uint16_t f32_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<std::uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  // From 65520, half a step above the largest finite half, the rounding itself carries into infinity.
  return static_cast<std::uint16_t>(sign | std::min(nearest_code(magnitude, 10, 15), 0x7c00u));
}

// The bits as they are, signalling NaNs too: bf16 is the upper half of an f32.
constexpr float bf16_to_f32(std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); }

constexpr std::uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// E8M0 (OCP Microscaling 1.0): a power of two, 2^(code - 127); 255 is NaN.
constexpr float e8m0_to_f32(std::uint8_t code) {
  if (code == 0xff) return std::bit_cast<float>(0x7fc00000u);
  return std::bit_cast<float>(code == 0 ? 0x00400000u : static_cast<std::uint32_t>(code) << 23);
}

// E4M3 (OCP FP8, "FN": no infinities, magnitude code 0x7f is NaN, the largest finite value is 448).
constexpr float e4m3_to_f32(std::uint8_t code) {
  const std::uint32_t sign = static_cast<std::uint32_t>(code & 0x80) << 24;
  const std::uint32_t exponent = (code >> 3) & 0xf, mantissa = code & 7;
  std::uint32_t magnitude = (exponent + 120) << 23 | mantissa << 20;  // 120: the biases' difference, 127 - 7
  if (exponent == 0) magnitude = std::bit_cast<std::uint32_t>(static_cast<float>(mantissa) * 0x1p-9f);
  if ((code & 0x7f) == 0x7f) magnitude = 0x7fc00000;
  return std::bit_cast<float>(sign | magnitude);
}

// Saturates: what is beyond 448, infinity too, becomes 448.
constexpr std::uint8_t f32_to_e4m3(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 24 & 0x80, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<std::uint8_t>(sign | 0x7f);
  return static_cast<std::uint8_t>(sign | std::min(nearest_code(magnitude, 3, 7), 0x7eu));
}

// UE4M3, E4M3 as ggml reads it where only scales are meant: the sign bit says nothing, code 0x7f is 0 and 0xff is 480.
constexpr float ue4m3_to_f32(std::uint8_t code) {
  if (code == 0x7f) return 0.0f;
  if (code == 0xff) return 480.0f;
  return e4m3_to_f32(code & 0x7f);
}

}  // namespace galago::quant
