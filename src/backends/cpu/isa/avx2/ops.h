// AVX2 with FMA and F16C: 8 lanes, without the integer dot products, in which its instruction sets differ. A template
// over the Isa, so that every symbol names the one it was compiled for. What the operations promise: isa/scalar/simd.h.
#pragma once

#include <immintrin.h>

#include "backends/cpu/kernel_args.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

template <class Isa>
struct Avx2Ops {
  using F32 = __m256;
  using I32 = __m256i;
  using Bytes = __m256i;
  using Mask = __m256;
  using Table = __m256i;
  static constexpr int kLanes = 8;
  static constexpr int kRegisters = 16;
  static constexpr int kVectorRegisters = 1;
  static constexpr int kIntRows = 8;
  static constexpr int kFloatRows = 6;
  static constexpr int kFloatVectors = 2;
  static constexpr int kFloatTiles = 1;
  static constexpr int kKeyVectors = 2;

  static GALAGO_INLINE F32 zero() { return _mm256_setzero_ps(); }
  static GALAGO_INLINE F32 set1(float v) { return _mm256_set1_ps(v); }
  static GALAGO_INLINE F32 iota() { return _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7); }
  static GALAGO_INLINE F32 load(const float* p) { return _mm256_loadu_ps(p); }
  static GALAGO_INLINE void store(float* p, F32 v) { _mm256_storeu_ps(p, v); }
  static GALAGO_INLINE F32 load_part(const float* p, std::int64_t n) { return _mm256_maskload_ps(p, first(n)); }
  static GALAGO_INLINE void store_part(float* p, F32 v, std::int64_t n) { _mm256_maskstore_ps(p, first(n), v); }

  static GALAGO_INLINE F32 add(F32 a, F32 b) { return _mm256_add_ps(a, b); }
  static GALAGO_INLINE F32 sub(F32 a, F32 b) { return _mm256_sub_ps(a, b); }
  static GALAGO_INLINE F32 mul(F32 a, F32 b) { return _mm256_mul_ps(a, b); }
  static GALAGO_INLINE F32 div(F32 a, F32 b) { return _mm256_div_ps(a, b); }
  static GALAGO_INLINE F32 fma(F32 a, F32 b, F32 c) { return _mm256_fmadd_ps(a, b, c); }
  static GALAGO_INLINE F32 max(F32 a, F32 b) { return _mm256_max_ps(a, b); }
  static GALAGO_INLINE F32 min(F32 a, F32 b) { return _mm256_min_ps(a, b); }
  static GALAGO_INLINE F32 abs(F32 a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
  static GALAGO_INLINE F32 copysign(F32 magnitude, F32 sign) {
    return _mm256_or_ps(abs(magnitude), _mm256_and_ps(_mm256_set1_ps(-0.0f), sign));
  }
  static GALAGO_INLINE F32 sqrt(F32 a) { return _mm256_sqrt_ps(a); }
  static GALAGO_INLINE F32 round(F32 a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static GALAGO_INLINE F32 scale_by_power(F32 a, F32 n) {
    const __m256i whole = _mm256_cvtps_epi32(n);
    const __m256i half = _mm256_srai_epi32(whole, 1);
    return _mm256_mul_ps(_mm256_mul_ps(a, power(half)), power(_mm256_sub_epi32(whole, half)));
  }
  static GALAGO_INLINE Mask less(F32 a, F32 b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
  static GALAGO_INLINE Mask both(Mask a, Mask b) { return _mm256_and_ps(a, b); }
  static GALAGO_INLINE F32 select(Mask mask, F32 yes, F32 no) { return _mm256_blendv_ps(no, yes, mask); }
  static GALAGO_INLINE float sum(F32 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
  static GALAGO_INLINE float maximum(F32 v) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
  }
  static GALAGO_INLINE std::int32_t sum_i32(I32 v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
  }
  static GALAGO_INLINE void deinterleave(F32 a, F32 b, F32* even, F32* odd) {
    const F32 low = _mm256_permute2f128_ps(a, b, 0x20), high = _mm256_permute2f128_ps(a, b, 0x31);
    // a0 a1 a2 a3 b0 b1 b2 b3 and a4 .. b7: even takes a0 a2 a4 a6 b0 b2 b4 b6, which is the order wanted.
    *even = _mm256_shuffle_ps(low, high, 0x88);
    *odd = _mm256_shuffle_ps(low, high, 0xdd);
  }
  static GALAGO_INLINE void interleave(F32 even, F32 odd, F32* a, F32* b) {
    const F32 low = _mm256_unpacklo_ps(even, odd), high = _mm256_unpackhi_ps(even, odd);
    *a = _mm256_permute2f128_ps(low, high, 0x20);
    *b = _mm256_permute2f128_ps(low, high, 0x31);
  }

  static GALAGO_INLINE F32 load_f16(const std::uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static GALAGO_INLINE F32 load_f16_part(const std::uint16_t* p, std::int64_t n) {
    alignas(16) std::uint16_t part[8] = {};
    for (std::int64_t i = 0; i < n; ++i) part[i] = p[i];
    return load_f16(part);
  }
  static GALAGO_INLINE void store_f16(std::uint16_t* p, F32 v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }
  static GALAGO_INLINE void store_f16_part(std::uint16_t* p, F32 v, std::int64_t n) {
    alignas(16) std::uint16_t part[8];
    store_f16(part, v);
    for (std::int64_t i = 0; i < n; ++i) p[i] = part[i];
  }
  static GALAGO_INLINE F32 load_bf16(const std::uint16_t* p) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }
  static GALAGO_INLINE F32 load_e4m3(const std::uint8_t* p) {
    const __m128i codes = _mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    return _mm256_mul_ps(_mm256_cvtph_ps(_mm_slli_epi16(codes, 7)), _mm256_set1_ps(256.0f));
  }

  static GALAGO_INLINE I32 set1_i32(std::int32_t v) { return _mm256_set1_epi32(v); }
  static GALAGO_INLINE I32 load1_i32(const std::int32_t* p) { return _mm256_set1_epi32(*p); }
  static GALAGO_INLINE I32 add_i32(I32 a, I32 b) { return _mm256_add_epi32(a, b); }
  static GALAGO_INLINE I32 sub_i32(I32 a, I32 b) { return _mm256_sub_epi32(a, b); }
  static GALAGO_INLINE I32 mul_i32(I32 a, I32 b) { return _mm256_mullo_epi32(a, b); }
  static GALAGO_INLINE I32 and_i32(I32 a, I32 b) { return _mm256_and_si256(a, b); }
  static GALAGO_INLINE I32 or_i32(I32 a, I32 b) { return _mm256_or_si256(a, b); }
  static GALAGO_INLINE I32 xor_i32(I32 a, I32 b) { return _mm256_xor_si256(a, b); }
  template <int kBits>
  static GALAGO_INLINE I32 shift_left_i32(I32 a) {
    return _mm256_slli_epi32(a, kBits);
  }
  static GALAGO_INLINE I32 shift_right_i32(I32 a, int bits) { return _mm256_srlv_epi32(a, _mm256_set1_epi32(bits)); }
  static GALAGO_INLINE F32 to_f32(I32 v) { return _mm256_cvtepi32_ps(v); }
  static GALAGO_INLINE I32 to_i32(F32 v) { return _mm256_cvtps_epi32(v); }
  static GALAGO_INLINE I32 load_u8(const std::uint8_t* p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static GALAGO_INLINE I32 load_i8(const std::int8_t* p) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static GALAGO_INLINE void store_i8(std::int8_t* p, I32 v) {
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(words, words));
  }

  static GALAGO_INLINE Bytes load_bytes(const std::uint8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static GALAGO_INLINE Bytes set1_bytes(std::uint8_t v) { return _mm256_set1_epi8(static_cast<char>(v)); }
  static GALAGO_INLINE Bytes and_bytes(Bytes a, Bytes b) { return _mm256_and_si256(a, b); }
  static GALAGO_INLINE Bytes or_bytes(Bytes a, Bytes b) { return _mm256_or_si256(a, b); }
  template <int kBits>
  static GALAGO_INLINE Bytes shift_left(Bytes a) {
    return _mm256_slli_epi16(a, kBits);
  }
  template <int kBits>
  static GALAGO_INLINE Bytes shift_right(Bytes a) {
    return _mm256_srli_epi16(a, kBits);
  }
  static GALAGO_INLINE Bytes add_bytes(Bytes a, Bytes b) { return _mm256_add_epi8(a, b); }
  static GALAGO_INLINE Bytes average_bytes(Bytes a, Bytes b) { return _mm256_avg_epu8(a, b); }
  static GALAGO_INLINE Table load_table(const std::uint8_t* entries) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(entries)));
  }
  static GALAGO_INLINE Bytes lookup(Table table, Bytes index) { return _mm256_shuffle_epi8(table, index); }
  // Single loads: vpgatherdd takes three times as long (Cascade Lake).
  static GALAGO_INLINE Bytes gather(const std::uint32_t* table, I32 index) {
    alignas(32) std::uint32_t at[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(at), index);
    return load_each(table, at);
  }
  static GALAGO_INLINE Bytes gather_u8(const std::uint32_t* table, const std::uint8_t* index) {
    return load_each(table, index);
  }
  static GALAGO_INLINE I32 as_i32(Bytes v) { return v; }
  static GALAGO_INLINE Bytes as_bytes(I32 v) { return v; }
  template <int i>
  static GALAGO_INLINE I32 byte(Bytes v) {
    return _mm256_and_si256(_mm256_srli_epi32(v, 8 * i), _mm256_set1_epi32(0xff));
  }
  template <int i>
  static GALAGO_INLINE I32 signed_byte(Bytes v) {
    return _mm256_srai_epi32(_mm256_slli_epi32(v, 24 - 8 * i), 24);
  }

  static GALAGO_INLINE Bytes broadcast4(const std::int8_t* x) {
    int word;
    __builtin_memcpy(&word, x, 4);
    return _mm256_set1_epi32(word);
  }

 private:
  template <class Index>
  static GALAGO_INLINE __m256i load_each(const std::uint32_t* table, const Index* at) {
    const auto word = [&](int i) GALAGO_LAMBDA { return static_cast<int>(table[at[i]]); };
    const __m128i low = _mm_set_epi32(word(3), word(2), word(1), word(0));
    return _mm256_set_m128i(_mm_set_epi32(word(7), word(6), word(5), word(4)), low);
  }
  static GALAGO_INLINE __m256i first(std::int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static GALAGO_INLINE F32 power(__m256i n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
  }
};

}  // namespace galago::cpu
