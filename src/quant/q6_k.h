// Q6_K: 16 groups of 16; x = scale * s * (q - 32), q of 6 bits, s a signed byte per group.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockQ6_K {
  static constexpr int kElements = 256;
  std::uint8_t pairs[128];  // 64 bytes for 128 elements: low nibbles the first 64, high the others
  std::uint8_t upper[64];   // 32 bytes for 128 elements: bits 2k hold the elements 32k to 32k + 31
  std::int8_t groups[16];
  std::uint16_t scale;  // f16
};
static_assert(sizeof(BlockQ6_K) == 210);

template <>
struct BlockOf<DType::kQ6_K> {
  using type = BlockQ6_K;
};

void decode(const BlockQ6_K& block, float* out);

}  // namespace galago::quant
