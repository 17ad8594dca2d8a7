// The vectors that tile blocks are made of (weight_kinds.def), as one row writes its part of each. Codes are those of
// 32 k in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "backends/cpu/kernel_args.h"

namespace galago::cpu {

constexpr std::int64_t kVector = 64;  // bytes

// Writes one row's block of the file into its places in a tile block. `source` may be unaligned.
using PutBlock = void (*)(const std::byte* source, int row, std::byte* tile);

// Null for kinds of another family.
PutBlock put_planes(WeightKind kind);
PutBlock put_codebook(WeightKind kind);
PutBlock put_grid(WeightKind kind);

template <class Block, void (*put)(const Block&, int, std::byte*)>
void put_as(const std::byte* source, int row, std::byte* tile) {
  Block block;
  std::memcpy(&block, source, sizeof(Block));
  put(block, row, tile);
}

inline void put_byte(unsigned byte, int row, std::byte* bytes) { bytes[row] = static_cast<std::byte>(byte); }

inline void put_half(std::uint16_t half, int row, std::byte* halves) { std::memcpy(halves + row * 2, &half, 2); }

inline void put_nibbles(const std::uint8_t* codes, int row, std::byte* vectors) {
  for (int j = 0; j < 4; ++j) {
    for (int i = 0; i < 4; ++i) {
      vectors[j * kVector + row * 4 + i] =
          static_cast<std::byte>((codes[4 * j + i] & 0xf) | (codes[16 + 4 * j + i] & 0xf) << 4);
    }
  }
}

// The files that hold 16 bytes of nibbles for 32 k have them in the order of the vectors: words move as they are.
inline void put_nibble_words(const std::uint8_t* pairs, int row, std::byte* vectors) {
  for (int j = 0; j < 4; ++j) std::memcpy(vectors + j * kVector + row * 4, pairs + 4 * j, 4);
}

// Bits [shift, shift + 2) of each code.
inline void put_pairs(const std::uint8_t* codes, int shift, int row, std::byte* planes) {
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 4; ++i) {
      unsigned bits = 0;
      for (int j = 0; j < 4; ++j) bits |= (codes[16 * half + 4 * j + i] >> shift & 3u) << (2 * j);
      planes[half * kVector + row * 4 + i] = static_cast<std::byte>(bits);
    }
  }
}

// Bit `shift` of each code.
inline void put_bits(const std::uint8_t* codes, int shift, int row, std::byte* plane) {
  for (int i = 0; i < 4; ++i) {
    unsigned bits = 0;
    for (int j = 0; j < 8; ++j) bits |= (codes[4 * j + i] >> shift & 1u) << j;
    plane[row * 4 + i] = static_cast<std::byte>(bits);
  }
}

// Octet bits: bit k of signs[o] belongs to k 8 o + k.
inline void put_octet_bits(const std::uint8_t* signs, int row, std::byte* plane) {
  for (int i = 0; i < 4; ++i) {
    unsigned bits = 0;
    for (int o = 0; o < 4; ++o) bits |= (signs[o] >> i & 1u) << o | (signs[o] >> (4 + i) & 1u) << (o + 4);
    plane[row * 4 + i] = static_cast<std::byte>(bits);
  }
}

// Bits 28 to 31 of a row's word in an octet plane whose eighth signs follow from the others.
inline void put_free_bits(unsigned four_bits, int row, std::byte* plane) {
  std::byte& last = plane[row * 4 + 3];
  last = (last & std::byte{0x0f}) | static_cast<std::byte>(four_bits << 4);
}

}  // namespace galago::cpu
