// One lane, plain C++: the reference of the conformance tests and the way every other machine runs. The operations and
// what they promise are documented here, once for all instruction sets.
#pragma once

#include "backends/cpu/kernel_args.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu::scalar {

struct Isa {
  using F32 = float;
  using I32 = std::int32_t;
  using Bytes = std::uint32_t;  // 4 kLanes bytes: 4 of each 32-bit lane
  using Mask = bool;
  using Table = const std::uint8_t*;  // 16 bytes
  static constexpr const char* kName = "scalar";
  static constexpr int kLanes = 1;
  static constexpr int kRegisters = 16;       // for vectors
  static constexpr int kVectorRegisters = 1;  // that one vector takes
  // Register blocking, see linear_int8, linear_f32 and attention: rows and vectors held as accumulators.
  static constexpr int kIntRows = 4;
  static constexpr int kFloatRows = 4;
  static constexpr int kFloatVectors = 2;
  static constexpr int kFloatTiles = 1;
  static constexpr int kKeyVectors = 2;

  static GALAGO_INLINE F32 zero() { return 0.0f; }
  static GALAGO_INLINE F32 set1(float v) { return v; }
  static GALAGO_INLINE F32 iota() { return 0.0f; }  // 0, 1, 2, ...
  static GALAGO_INLINE F32 load(const float* p) { return *p; }
  static GALAGO_INLINE void store(float* p, F32 v) { *p = v; }
  // 0 < n < kLanes elements; lanes from n on are read as 0 and not written.
  static GALAGO_INLINE F32 load_part(const float* p, std::int64_t) { return *p; }
  static GALAGO_INLINE void store_part(float* p, F32 v, std::int64_t) { *p = v; }

  static GALAGO_INLINE F32 add(F32 a, F32 b) { return a + b; }
  static GALAGO_INLINE F32 sub(F32 a, F32 b) { return a - b; }
  static GALAGO_INLINE F32 mul(F32 a, F32 b) { return a * b; }
  static GALAGO_INLINE F32 div(F32 a, F32 b) { return a / b; }
  // a * b + c, rounded once where the hardware does so.
  static GALAGO_INLINE F32 fma(F32 a, F32 b, F32 c) { return a * b + c; }
  // max and min give b when either is NaN.
  static GALAGO_INLINE F32 max(F32 a, F32 b) { return a > b ? a : b; }
  static GALAGO_INLINE F32 min(F32 a, F32 b) { return a < b ? a : b; }
  static GALAGO_INLINE F32 abs(F32 a) { return __builtin_fabsf(a); }
  static GALAGO_INLINE F32 copysign(F32 magnitude, F32 sign) { return __builtin_copysignf(magnitude, sign); }
  static GALAGO_INLINE F32 sqrt(F32 a) { return __builtin_sqrtf(a); }
  // To the nearest integer, ties to even; |a| < 2^22. Adding 1.5 * 2^23 leaves no bits for a fraction.
  static GALAGO_INLINE F32 round(F32 a) { return (a + 12582912.0f) - 12582912.0f; }
  // a * 2^n for integral n of [-252, 254].
  static GALAGO_INLINE F32 scale_by_power(F32 a, F32 n) {
    const std::int32_t whole = n >= -1000.0f ? static_cast<std::int32_t>(n) : 0;  // NaN has no integer
    const std::int32_t half = whole >> 1;
    return a * power(half) * power(whole - half);
  }
  static GALAGO_INLINE Mask less(F32 a, F32 b) { return a < b; }
  static GALAGO_INLINE Mask both(Mask a, Mask b) { return a && b; }
  static GALAGO_INLINE F32 select(Mask mask, F32 yes, F32 no) { return mask ? yes : no; }
  // Sums and maxima over lanes, in an order that is fixed per Isa.
  static GALAGO_INLINE float sum(F32 v) { return v; }
  static GALAGO_INLINE float maximum(F32 v) { return v; }
  static GALAGO_INLINE std::int32_t sum_i32(I32 v) { return v; }
  // Even and odd elements of the two vectors a, b; and back.
  static GALAGO_INLINE void deinterleave(F32 a, F32 b, F32* even, F32* odd) { *even = a, *odd = b; }
  static GALAGO_INLINE void interleave(F32 even, F32 odd, F32* a, F32* b) { *a = even, *b = odd; }

  static GALAGO_INLINE F32 load_f16(const std::uint16_t* p) { return from_f16(*p); }
  static GALAGO_INLINE F32 load_f16_part(const std::uint16_t* p, std::int64_t) { return from_f16(*p); }
  static GALAGO_INLINE void store_f16(std::uint16_t* p, F32 v) { *p = to_f16(v); }
  static GALAGO_INLINE void store_f16_part(std::uint16_t* p, F32 v, std::int64_t) { *p = to_f16(v); }
  static GALAGO_INLINE F32 load_bf16(const std::uint16_t* p) { return as_float(static_cast<std::uint32_t>(*p) << 16); }
  // kLanes codes of E4M3 without a sign: below 128, of which 127 is 480. They are the upper bits of an f16 times 2^8.
  static GALAGO_INLINE F32 load_e4m3(const std::uint8_t* p) {
    return from_f16(static_cast<std::uint16_t>(*p << 7)) * 256.0f;
  }

  static GALAGO_INLINE I32 set1_i32(std::int32_t v) { return v; }
  static GALAGO_INLINE I32 load1_i32(const std::int32_t* p) { return *p; }  // the same value in every lane
  static GALAGO_INLINE I32 add_i32(I32 a, I32 b) { return a + b; }
  static GALAGO_INLINE I32 sub_i32(I32 a, I32 b) { return a - b; }
  static GALAGO_INLINE I32 mul_i32(I32 a, I32 b) { return a * b; }
  static GALAGO_INLINE I32 and_i32(I32 a, I32 b) { return a & b; }
  static GALAGO_INLINE I32 or_i32(I32 a, I32 b) { return a | b; }
  static GALAGO_INLINE I32 xor_i32(I32 a, I32 b) { return a ^ b; }
  template <int kBits>
  static GALAGO_INLINE I32 shift_left_i32(I32 a) {
    return static_cast<I32>(static_cast<std::uint32_t>(a) << kBits);
  }
  static GALAGO_INLINE I32 shift_right_i32(I32 a, int bits) {  // zeros move in; 0 <= bits < 32
    return static_cast<I32>(static_cast<std::uint32_t>(a) >> bits);
  }
  static GALAGO_INLINE F32 to_f32(I32 v) { return static_cast<float>(v); }
  static GALAGO_INLINE I32 to_i32(F32 v) { return static_cast<std::int32_t>(v); }                  // v is integral
  static GALAGO_INLINE I32 load_u8(const std::uint8_t* p) { return *p; }                           // kLanes bytes
  static GALAGO_INLINE I32 load_i8(const std::int8_t* p) { return *p; }                            // kLanes bytes
  static GALAGO_INLINE void store_i8(std::int8_t* p, I32 v) { *p = static_cast<std::int8_t>(v); }  // |v| <= 127

  static GALAGO_INLINE Bytes load_bytes(const std::uint8_t* p) {
    Bytes v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  }
  static GALAGO_INLINE Bytes set1_bytes(std::uint8_t v) { return v * 0x01010101u; }
  static GALAGO_INLINE Bytes and_bytes(Bytes a, Bytes b) { return a & b; }
  static GALAGO_INLINE Bytes or_bytes(Bytes a, Bytes b) { return a | b; }
  // Bits move within 16-bit (here wider) units: mask what may have crossed into the next byte.
  template <int kBits>
  static GALAGO_INLINE Bytes shift_left(Bytes a) {
    return a << kBits;
  }
  template <int kBits>
  static GALAGO_INLINE Bytes shift_right(Bytes a) {
    return a >> kBits;
  }
  static GALAGO_INLINE Bytes add_bytes(Bytes a, Bytes b) {  // modulo 256
    return ((a & 0x7f7f7f7fu) + (b & 0x7f7f7f7fu)) ^ ((a ^ b) & 0x80808080u);
  }
  // (a + b + 1) / 2
  static GALAGO_INLINE Bytes average_bytes(Bytes a, Bytes b) { return (a | b) - ((a ^ b) >> 1 & 0x7f7f7f7fu); }
  // Entry index[i] of 16 bytes, for indices below 16.
  static GALAGO_INLINE Table load_table(const std::uint8_t* entries) { return entries; }
  static GALAGO_INLINE Bytes lookup(Table table, Bytes index) {
    return table[index & 0xf] | static_cast<Bytes>(table[index >> 8 & 0xf]) << 8 |
           static_cast<Bytes>(table[index >> 16 & 0xf]) << 16 | static_cast<Bytes>(table[index >> 24 & 0xf]) << 24;
  }
  // table[index] of each lane, and the same of kLanes bytes.
  static GALAGO_INLINE Bytes gather(const std::uint32_t* table, I32 index) { return table[index]; }
  static GALAGO_INLINE Bytes gather_u8(const std::uint32_t* table, const std::uint8_t* index) { return table[*index]; }
  static GALAGO_INLINE I32 as_i32(Bytes v) { return static_cast<I32>(v); }  // the same bits
  static GALAGO_INLINE Bytes as_bytes(I32 v) { return static_cast<Bytes>(v); }
  // Byte i of every lane, as an unsigned or signed number.
  template <int i>
  static GALAGO_INLINE I32 byte(Bytes v) {
    return static_cast<I32>(v >> (8 * i) & 0xff);
  }
  template <int i>
  static GALAGO_INLINE I32 signed_byte(Bytes v) {
    return static_cast<std::int8_t>(v >> (8 * i) & 0xff);
  }

  // For kRows rows of codes, `stride` bytes apart: acc[r] += the sum over n vectors of the four products of each lane,
  // unsigned w[j] of kBits (at most 7) times x[r * stride + 4 j ..].
  template <int kBits, int n, int kRows>
  static GALAGO_INLINE void dot(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    for (int r = 0; r < kRows; ++r) {
      for (int j = 0; j < n; ++j) {
        for (int i = 0; i < 4; ++i) acc[r] += static_cast<I32>(w[j] >> (8 * i) & 0xff) * x[r * stride + 4 * j + i];
      }
    }
  }
  // The same for signed bytes. Where the hardware wants them unsigned, prepare_signed() adds 128 (a second time
  // takes it away) and kSignedBias says so: acc must then start at -128 * sum(x).
  static constexpr bool kSignedBias = false;
  static GALAGO_INLINE Bytes prepare_signed(Bytes w) { return w; }
  template <int n, int kRows>
  static GALAGO_INLINE void dot_signed(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    for (int r = 0; r < kRows; ++r) {
      for (int j = 0; j < n; ++j) {
        for (int i = 0; i < 4; ++i) {
          acc[r] += static_cast<std::int8_t>(w[j] >> (8 * i) & 0xff) * x[r * stride + 4 * j + i];
        }
      }
    }
  }

 private:
  static GALAGO_INLINE float as_float(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }
  static GALAGO_INLINE float power(std::int32_t n) { return as_float(static_cast<std::uint32_t>(n + 127) << 23); }
  static GALAGO_INLINE float from_f16(std::uint16_t half) {
    const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
    const std::uint32_t rest = half & 0x7fff;
    if (rest < 0x400) {  // zero and subnormal numbers count units of 2^-24
      const float magnitude = static_cast<float>(rest) * 0x1p-24f;
      return sign != 0 ? -magnitude : magnitude;
    }
    return as_float(sign | (rest >= 0x7c00 ? 0x7f800000u | (rest & 0x3ff) << 13 : (rest << 13) + (112u << 23)));
  }
  static GALAGO_INLINE std::uint16_t to_f16(float value) {
    const auto bits = __builtin_bit_cast(std::uint32_t, value);
    const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
    const std::uint32_t rest = bits & 0x7fffffff;
    std::uint32_t half = 0;
    if (rest > 0x7f800000) {
      half = 0x7e00 | (rest >> 13 & 0x3ff);
    } else if (rest >= 0x477ff000) {  // 65520 and above round to infinity
      half = 0x7c00;
    } else if (rest <
               0x38800000) {  // below 2^-14: adding 0.5 aligns the unit of 2^-24 with the last bit, rounding to even
      half = __builtin_bit_cast(std::uint32_t, as_float(rest) + 0.5f) - 0x3f000000;
    } else {
      half = (rest - (112u << 23) + 0xfff + (rest >> 13 & 1)) >> 13;
    }
    return static_cast<std::uint16_t>(sign | half);
  }
};

}  // namespace galago::cpu::scalar
