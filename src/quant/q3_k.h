// Q3_K: 16 groups of 16; x = scale * (s - 32) * (q - 4), q of 3 bits, s of 6 bits, per group.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockQ3_K {
  static constexpr int kElements = 256;
  std::uint8_t third[32];   // bit k of byte j: the highest bit of element 32k + j
  std::uint8_t quads[64];   // 32 bytes for 128 elements: bits 2k hold the elements 32k to 32k + 31
  std::uint8_t groups[12];  // s: low nibbles in bytes 0-7, then two high bits each in bytes 8-11
  std::uint16_t scale;      // f16
};
static_assert(sizeof(BlockQ3_K) == 110);

template <>
struct BlockOf<DType::kQ3_K> {
  using type = BlockQ3_K;
};

void decode(const BlockQ3_K& block, float* out);

}  // namespace galago::quant
