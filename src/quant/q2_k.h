// Q2_K: 16 groups of 16; x = scale * s * q - low * m, q of 2 bits, s and m of 4 bits, per group.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockQ2_K {
  static constexpr int kElements = 256;
  std::uint8_t groups[16];   // low nibble s, high nibble m
  std::uint8_t quads[64];    // 32 bytes for 128 elements: bits 2k hold the elements 32k to 32k + 31
  std::uint16_t scale, low;  // f16
};
static_assert(sizeof(BlockQ2_K) == 84);

template <>
struct BlockOf<DType::kQ2_K> {
  using type = BlockQ2_K;
};

void decode(const BlockQ2_K& block, float* out);

}  // namespace galago::quant
