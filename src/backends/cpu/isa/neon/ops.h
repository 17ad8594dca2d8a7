// NEON of 64-bit Arm: 16 lanes in four registers, so that a vector is one 64-byte line of a weight tile, the loads and
// zips of activations serve 16 outputs, and independent chains hide latencies. Without the integer dot products, in
// which its instruction sets differ. A template over the Isa, so that every symbol names the one it was compiled for.
// What the operations promise: isa/scalar/simd.h.
#pragma once

#include <arm_neon.h>

#include "backends/cpu/kernel_args.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

template <class Isa>
struct NeonOps {
  // Named members, not an array: compilers then keep them in registers.
  template <class Register>
  struct Quad {
    Register a, b, c, d;
  };
  using F32 = Quad<float32x4_t>;
  using I32 = Quad<int32x4_t>;
  using Bytes = Quad<uint8x16_t>;
  using Mask = Quad<uint32x4_t>;
  using Table = uint8x16_t;
  static constexpr int kLanes = 16;
  static constexpr int kRegisters = 32;
  static constexpr int kVectorRegisters = 4;
  static constexpr int kIntRows = 8;
  static constexpr int kFloatRows = 6;
  static constexpr int kFloatVectors = 1;
  static constexpr int kFloatTiles = 1;
  static constexpr int kKeyVectors = 1;

  static GALAGO_INLINE F32 zero() { return set1(0.0f); }
  static GALAGO_INLINE F32 set1(float v) { return all<F32>(vdupq_n_f32(v)); }
  static GALAGO_INLINE F32 iota() {
    const float32x4_t first = {0.0f, 1.0f, 2.0f, 3.0f}, four = vdupq_n_f32(4.0f), eight = vdupq_n_f32(8.0f);
    const float32x4_t second = vaddq_f32(first, four);
    return {first, second, vaddq_f32(first, eight), vaddq_f32(second, eight)};
  }
  static GALAGO_INLINE F32 load(const float* p) {
    return {vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)};
  }
  static GALAGO_INLINE void store(float* p, F32 v) {
    vst1q_f32(p, v.a);
    vst1q_f32(p + 4, v.b);
    vst1q_f32(p + 8, v.c);
    vst1q_f32(p + 12, v.d);
  }
  static GALAGO_INLINE F32 load_part(const float* p, std::int64_t n) {
    float part[kLanes] = {};
    for (std::int64_t i = 0; i < n; ++i) part[i] = p[i];
    return load(part);
  }
  static GALAGO_INLINE void store_part(float* p, F32 v, std::int64_t n) {
    float part[kLanes];
    store(part, v);
    for (std::int64_t i = 0; i < n; ++i) p[i] = part[i];
  }

  static GALAGO_INLINE F32 add(F32 x, F32 y) { return each<F32, vaddq_f32>(x, y); }
  static GALAGO_INLINE F32 sub(F32 x, F32 y) { return each<F32, vsubq_f32>(x, y); }
  static GALAGO_INLINE F32 mul(F32 x, F32 y) { return each<F32, vmulq_f32>(x, y); }
  static GALAGO_INLINE F32 div(F32 x, F32 y) { return each<F32, vdivq_f32>(x, y); }
  static GALAGO_INLINE F32 fma(F32 x, F32 y, F32 z) { return each<F32, vfmaq_f32>(z, x, y); }
  static GALAGO_INLINE F32 max(F32 x, F32 y) { return each<F32, larger>(x, y); }
  static GALAGO_INLINE F32 min(F32 x, F32 y) { return each<F32, smaller>(x, y); }
  static GALAGO_INLINE F32 abs(F32 x) { return each<F32, vabsq_f32>(x); }
  static GALAGO_INLINE F32 copysign(F32 magnitude, F32 sign) {
    return each<F32, vbslq_f32>(all<Mask>(vdupq_n_u32(0x80000000u)), sign, magnitude);
  }
  static GALAGO_INLINE F32 sqrt(F32 x) { return each<F32, vsqrtq_f32>(x); }
  static GALAGO_INLINE F32 round(F32 x) { return each<F32, vrndnq_f32>(x); }
  static GALAGO_INLINE F32 scale_by_power(F32 x, F32 n) { return each<F32, scaled>(x, n); }
  static GALAGO_INLINE Mask less(F32 x, F32 y) { return each<Mask, vcltq_f32>(x, y); }
  static GALAGO_INLINE Mask both(Mask x, Mask y) { return each<Mask, vandq_u32>(x, y); }
  static GALAGO_INLINE F32 select(Mask mask, F32 yes, F32 no) { return each<F32, vbslq_f32>(mask, yes, no); }
  static GALAGO_INLINE float sum(F32 v) { return vaddvq_f32(vaddq_f32(vaddq_f32(v.a, v.b), vaddq_f32(v.c, v.d))); }
  static GALAGO_INLINE float maximum(F32 v) {
    const float32x4_t s = larger(larger(v.a, v.b), larger(v.c, v.d));
    const float32x4_t t = larger(s, vextq_f32(s, s, 2));
    return vgetq_lane_f32(larger(t, vextq_f32(t, t, 1)), 0);
  }
  static GALAGO_INLINE std::int32_t sum_i32(I32 v) {
    return vaddvq_s32(vaddq_s32(vaddq_s32(v.a, v.b), vaddq_s32(v.c, v.d)));
  }
  static GALAGO_INLINE void deinterleave(F32 x, F32 y, F32* even, F32* odd) {
    *even = {vuzp1q_f32(x.a, x.b), vuzp1q_f32(x.c, x.d), vuzp1q_f32(y.a, y.b), vuzp1q_f32(y.c, y.d)};
    *odd = {vuzp2q_f32(x.a, x.b), vuzp2q_f32(x.c, x.d), vuzp2q_f32(y.a, y.b), vuzp2q_f32(y.c, y.d)};
  }
  static GALAGO_INLINE void interleave(F32 even, F32 odd, F32* x, F32* y) {
    *x = {vzip1q_f32(even.a, odd.a), vzip2q_f32(even.a, odd.a), vzip1q_f32(even.b, odd.b), vzip2q_f32(even.b, odd.b)};
    *y = {vzip1q_f32(even.c, odd.c), vzip2q_f32(even.c, odd.c), vzip1q_f32(even.d, odd.d), vzip2q_f32(even.d, odd.d)};
  }

  static GALAGO_INLINE F32 load_f16(const std::uint16_t* p) {
    const float16x8_t low = vreinterpretq_f16_u16(vld1q_u16(p)), high = vreinterpretq_f16_u16(vld1q_u16(p + 8));
    return {vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low), vcvt_f32_f16(vget_low_f16(high)),
            vcvt_high_f32_f16(high)};
  }
  static GALAGO_INLINE F32 load_f16_part(const std::uint16_t* p, std::int64_t n) {
    std::uint16_t part[kLanes] = {};
    for (std::int64_t i = 0; i < n; ++i) part[i] = p[i];
    return load_f16(part);
  }
  static GALAGO_INLINE void store_f16(std::uint16_t* p, F32 v) {
    vst1q_u16(p, vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(v.a), v.b)));
    vst1q_u16(p + 8, vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(v.c), v.d)));
  }
  static GALAGO_INLINE void store_f16_part(std::uint16_t* p, F32 v, std::int64_t n) {
    std::uint16_t part[kLanes];
    store_f16(part, v);
    for (std::int64_t i = 0; i < n; ++i) p[i] = part[i];
  }
  static GALAGO_INLINE F32 load_bf16(const std::uint16_t* p) {
    const uint16x8_t low = vld1q_u16(p), high = vld1q_u16(p + 8);
    return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(low), 16)), vreinterpretq_f32_u32(vshll_high_n_u16(low, 16)),
            vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(high), 16)),
            vreinterpretq_f32_u32(vshll_high_n_u16(high, 16))};
  }
  static GALAGO_INLINE F32 load_e4m3(const std::uint8_t* p) {
    const uint8x16_t bytes = vld1q_u8(p);
    const uint16x8_t low = vshll_n_u8(vget_low_u8(bytes), 7), high = vshll_high_n_u8(bytes, 7);
    alignas(16) std::uint16_t halves[kLanes];
    vst1q_u16(halves, low);
    vst1q_u16(halves + 8, high);
    return mul(load_f16(halves), set1(256.0f));
  }

  static GALAGO_INLINE I32 set1_i32(std::int32_t v) { return all<I32>(vdupq_n_s32(v)); }
  static GALAGO_INLINE I32 load1_i32(const std::int32_t* p) { return all<I32>(vld1q_dup_s32(p)); }
  static GALAGO_INLINE I32 add_i32(I32 x, I32 y) { return each<I32, vaddq_s32>(x, y); }
  static GALAGO_INLINE I32 sub_i32(I32 x, I32 y) { return each<I32, vsubq_s32>(x, y); }
  static GALAGO_INLINE I32 mul_i32(I32 x, I32 y) { return each<I32, vmulq_s32>(x, y); }
  static GALAGO_INLINE I32 and_i32(I32 x, I32 y) { return each<I32, vandq_s32>(x, y); }
  static GALAGO_INLINE I32 or_i32(I32 x, I32 y) { return each<I32, vorrq_s32>(x, y); }
  static GALAGO_INLINE I32 xor_i32(I32 x, I32 y) { return each<I32, veorq_s32>(x, y); }
  static GALAGO_INLINE I32 shift_right_i32(I32 x, int bits) {
    return as_i32(each<Bytes, shifted_right>(as_bytes(x), all<I32>(vdupq_n_s32(-bits))));
  }
  template <int kBits>
  static GALAGO_INLINE I32 shift_left_i32(I32 x) {
    return {vshlq_n_s32(x.a, kBits), vshlq_n_s32(x.b, kBits), vshlq_n_s32(x.c, kBits), vshlq_n_s32(x.d, kBits)};
  }
  static GALAGO_INLINE F32 to_f32(I32 v) { return each<F32, vcvtq_f32_s32>(v); }
  static GALAGO_INLINE I32 to_i32(F32 v) { return each<I32, vcvtnq_s32_f32>(v); }
  static GALAGO_INLINE I32 load_u8(const std::uint8_t* p) {
    const uint8x16_t bytes = vld1q_u8(p);
    const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
    return {vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))), vreinterpretq_s32_u32(vmovl_high_u16(low)),
            vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))), vreinterpretq_s32_u32(vmovl_high_u16(high))};
  }
  static GALAGO_INLINE I32 load_i8(const std::int8_t* p) {
    const int8x16_t bytes = vld1q_s8(p);
    const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
    return {vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low), vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)};
  }
  static GALAGO_INLINE void store_i8(std::int8_t* p, I32 v) {
    const int16x8_t low = vmovn_high_s32(vmovn_s32(v.a), v.b), high = vmovn_high_s32(vmovn_s32(v.c), v.d);
    vst1q_s8(p, vmovn_high_s16(vmovn_s16(low), high));
  }

  static GALAGO_INLINE Bytes load_bytes(const std::uint8_t* p) {
    return {vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)};
  }
  static GALAGO_INLINE Bytes set1_bytes(std::uint8_t v) { return all<Bytes>(vdupq_n_u8(v)); }
  static GALAGO_INLINE Bytes and_bytes(Bytes x, Bytes y) { return each<Bytes, vandq_u8>(x, y); }
  static GALAGO_INLINE Bytes or_bytes(Bytes x, Bytes y) { return each<Bytes, vorrq_u8>(x, y); }
  template <int kBits>
  static GALAGO_INLINE Bytes shift_left(Bytes x) {
    return {vshlq_n_u8(x.a, kBits), vshlq_n_u8(x.b, kBits), vshlq_n_u8(x.c, kBits), vshlq_n_u8(x.d, kBits)};
  }
  template <int kBits>
  static GALAGO_INLINE Bytes shift_right(Bytes x) {
    return {vshrq_n_u8(x.a, kBits), vshrq_n_u8(x.b, kBits), vshrq_n_u8(x.c, kBits), vshrq_n_u8(x.d, kBits)};
  }
  static GALAGO_INLINE Bytes add_bytes(Bytes x, Bytes y) { return each<Bytes, vaddq_u8>(x, y); }
  static GALAGO_INLINE Bytes average_bytes(Bytes x, Bytes y) { return each<Bytes, vrhaddq_u8>(x, y); }
  static GALAGO_INLINE Table load_table(const std::uint8_t* entries) { return vld1q_u8(entries); }
  static GALAGO_INLINE Bytes lookup(Table table, Bytes index) {
    return each<Bytes, vqtbl1q_u8>(all<Bytes>(table), index);
  }
  static GALAGO_INLINE Bytes gather(const std::uint32_t* table, I32 index) {
    std::int32_t at[kLanes];
    vst1q_s32(at, index.a);
    vst1q_s32(at + 4, index.b);
    vst1q_s32(at + 8, index.c);
    vst1q_s32(at + 12, index.d);
    return load_each(table, at);
  }
  static GALAGO_INLINE Bytes gather_u8(const std::uint32_t* table, const std::uint8_t* index) {
    return load_each(table, index);
  }
  static GALAGO_INLINE I32 as_i32(Bytes v) { return each<I32, vreinterpretq_s32_u8>(v); }
  static GALAGO_INLINE Bytes as_bytes(I32 v) { return each<Bytes, vreinterpretq_u8_s32>(v); }
  template <int i>
  static GALAGO_INLINE I32 byte(Bytes v) {
    return each<I32, unsigned_byte<i>>(v);
  }
  template <int i>
  static GALAGO_INLINE I32 signed_byte(Bytes v) {
    return each<I32, sign_extended<i>>(v);
  }

  // Arm multiplies signed bytes; codes of up to 7 bits are such, too.
  static constexpr bool kSignedBias = false;
  static GALAGO_INLINE Bytes prepare_signed(Bytes w) { return w; }
  template <int kBits, int n, int kRows>
  static GALAGO_INLINE void dot(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    dot_columns<kBits, n, &Bytes::a, &I32::a>(acc, w, x, stride);
    dot_columns<kBits, n, &Bytes::b, &I32::b>(acc, w, x, stride);
    dot_columns<kBits, n, &Bytes::c, &I32::c>(acc, w, x, stride);
    dot_columns<kBits, n, &Bytes::d, &I32::d>(acc, w, x, stride);
  }
  // -128 counts as 8 bits of magnitude.
  template <int n, int kRows>
  static GALAGO_INLINE void dot_signed(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    Isa::template dot<8, n>(acc, w, x, stride);
  }

 private:
  // The four columns of one register: the Isa multiplies weights[n] with each row of x and adds to sums[kRows].
  template <int kBits, int n, auto kWeights, auto kSums, int kRows>
  static GALAGO_INLINE void dot_columns(I32 (&acc)[kRows], const Bytes* w, const std::int8_t* x, std::int64_t stride) {
    int8x16_t weights[n];
    int32x4_t sums[kRows];
    GALAGO_UNROLL
    for (int j = 0; j < n; ++j) weights[j] = vreinterpretq_s8_u8(w[j].*kWeights);
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) sums[r] = acc[r].*kSums;
    Isa::template multiply_add<kBits>(sums, weights, x, stride);
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) acc[r].*kSums = sums[r];
  }
  template <class Index>
  static GALAGO_INLINE Bytes load_each(const std::uint32_t* table, const Index* at) {
    std::uint32_t words[kLanes];
    GALAGO_UNROLL
    for (int i = 0; i < kLanes; ++i) words[i] = table[at[i]];
    return load_bytes(reinterpret_cast<const std::uint8_t*>(words));
  }
  // kOp on each of the four registers.
  template <class To, auto kOp, class... From>
  static GALAGO_INLINE To each(const From&... x) {
    return {kOp(x.a...), kOp(x.b...), kOp(x.c...), kOp(x.d...)};
  }
  template <class To, class Register>
  static GALAGO_INLINE To all(Register v) {
    return {v, v, v, v};
  }
  // fmax, fmin and fmaxnm, fminnm treat NaN otherwise.
  static GALAGO_INLINE float32x4_t larger(float32x4_t x, float32x4_t y) { return vbslq_f32(vcgtq_f32(x, y), x, y); }
  static GALAGO_INLINE float32x4_t smaller(float32x4_t x, float32x4_t y) { return vbslq_f32(vcltq_f32(x, y), x, y); }
  static GALAGO_INLINE float32x4_t power(int32x4_t n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
  }
  static GALAGO_INLINE float32x4_t scaled(float32x4_t x, float32x4_t n) {
    const int32x4_t whole = vcvtnq_s32_f32(n), half = vshrq_n_s32(whole, 1);
    return vmulq_f32(vmulq_f32(x, power(half)), power(vsubq_s32(whole, half)));
  }
  static GALAGO_INLINE uint8x16_t shifted_right(uint8x16_t v, int32x4_t minus_bits) {
    return vreinterpretq_u8_u32(vshlq_u32(vreinterpretq_u32_u8(v), minus_bits));
  }
  template <int i>
  static GALAGO_INLINE int32x4_t unsigned_byte(uint8x16_t v) {
    return vreinterpretq_s32_u32(vshrq_n_u32(vshlq_n_u32(vreinterpretq_u32_u8(v), 24 - 8 * i), 24));
  }
  template <int i>
  static GALAGO_INLINE int32x4_t sign_extended(uint8x16_t v) {
    return vshrq_n_s32(vshlq_n_s32(vreinterpretq_s32_u8(v), 24 - 8 * i), 24);
  }
};

}  // namespace galago::cpu
