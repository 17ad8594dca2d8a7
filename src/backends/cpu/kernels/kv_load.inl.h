// A head's keys and values of one page, as the products take them: rows of f32, or codes. What has to be converted or
// turned goes through a buffer that fits the first-level cache and serves all queries of a block.
#pragma once

#include "backends/cpu/kernels/attention_values.inl.h"
#include "backends/cpu/kernels/kv_rotate.inl.h"

namespace galago::cpu {

constexpr int kLoadDims = 64;  // dims that are loaded together: 16 KB as f32

// Dims [d, d + n) of the keys as f32 (n, kPageTokens): themselves, or converted.
template <class Isa, class Element>
GALAGO_INLINE const float* load_keys(const Element* keys, std::int64_t d, std::int64_t n, float* buffer) {
  const Element* from = keys + d * kPageTokens;
  if constexpr (sizeof(Element) == sizeof(float)) {
    return from;
  } else {
    for (std::int64_t i = 0; i < n * kPageTokens; i += Isa::kLanes) {
      Isa::store(buffer + i, KvElement<Isa, Element>::load(from + i));
    }
    return buffer;
  }
}

// Dims [d, d + n) of values (kPageTokens, v_dim), keys [begin, end) of them.
template <class Isa, class Element>
GALAGO_INLINE ValueRows load_values(const Element* values, std::int64_t v_dim, std::int64_t d, std::int64_t n,
                                    KeyRange keys, float* buffer) {
  if constexpr (sizeof(Element) == sizeof(float)) {
    return {values + d, v_dim};
  } else {
    for (std::int64_t key = keys.begin; key < keys.end; ++key) {
      const Element* from = values + key * v_dim + d;
      for (std::int64_t i = 0; i < n; i += Isa::kLanes) {
        Isa::store(buffer + key * kLoadDims + i, KvElement<Isa, Element>::load(from + i, n - i));
      }
    }
    return {buffer, kLoadDims};
  }
}

// The same of values that are the first dims of the keys, turned.
template <class Isa, class Element>
GALAGO_INLINE ValueRows load_values_of_keys(const Element* keys, std::int64_t d, std::int64_t n, float* buffer) {
  float row[Isa::kLanes];
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t key = 0; key < kPageTokens; key += Isa::kLanes) {
      Isa::store(row, KvElement<Isa, Element>::load(keys + (d + i) * kPageTokens + key));
      for (std::int64_t j = 0; j < Isa::kLanes; ++j) buffer[(key + j) * kLoadDims + i] = row[j];
    }
  }
  return {buffer, kLoadDims};
}

// The code of one dim of one key.
template <class Isa, int kBits>
GALAGO_INLINE std::uint8_t key_code(const std::uint8_t* codes, std::int64_t d, std::int64_t key) {
  if constexpr (kBits == 8) return codes[key_word<Isa>(d / 4, key) + d % 4];
  const std::uint8_t pair = codes[key_word<Isa>(d / 8, key) + d % 4];
  return d % 8 < 4 ? pair & 0x0f : pair >> 4;
}

// Dims [d, d + n), a block of the rotation, of keys [begin, end) as rows of values, rotated back.
template <class Isa, int kBits>
GALAGO_INLINE ValueRows load_rotated_block(const CodedHead& head, std::int64_t d, std::int64_t n, KeyRange keys,
                                           float* buffer) {
  alignas(64) float scales[kPageTokens];
  for (std::int64_t i = 0; i < n; ++i) {
    if (i == 0 || (kBits == 4 && (d + i) % kQ4Dims == 0)) {
      const std::uint16_t* from = head.scales + (kBits == 8 ? 0 : (d + i) / kQ4Dims * kPageTokens);
      for (int key = 0; key < kPageTokens; key += Isa::kLanes) Isa::store(scales + key, Isa::load_f16(from + key));
    }
    for (std::int64_t key = keys.begin; key < keys.end; ++key) {
      const std::uint8_t code = key_code<Isa, kBits>(head.codes, d + i, key);
      const int whole = kBits == 8 ? static_cast<std::int8_t>(code) : code - 8;
      buffer[key * kRotationDims + i] = scales[key] * static_cast<float>(whole);
    }
  }
  for (std::int64_t key = keys.begin; key < keys.end; ++key) rotate_block<Isa>(buffer + key * kRotationDims, n);
  return {buffer, kRotationDims};
}

// Keys' codes as those of values of v_dim, whose scales are the keys' own.
template <class Isa, int kBits>
GALAGO_INLINE CodedHead turn_key_codes(const CodedHead& keys, std::int64_t v_dim, std::uint8_t* buffer) {
  const std::int64_t row = padded_dim<Isa, kBits>(v_dim) * kBits / 8;
  for (std::int64_t byte = 0; byte < row; ++byte) {
    const std::int64_t d = kBits == 8 ? byte : byte / 16 * 32 + byte % 16;
    for (std::int64_t key = 0; key < kPageTokens; ++key) {
      const std::uint8_t low = key_code<Isa, kBits>(keys.codes, d, key);
      const std::uint8_t high = kBits == 8 ? 0 : key_code<Isa, kBits>(keys.codes, d + 16, key);
      buffer[value_byte<Isa>(row, byte, key)] = static_cast<std::uint8_t>(kBits == 8 ? low : low | high << 4);
    }
  }
  return {buffer, keys.scales};
}

}  // namespace galago::cpu
