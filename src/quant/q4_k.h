// Q4_K: 8 groups of 32; x = scale * s * q - low * m, q of 4 bits, s and m of 6 bits, per group.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockQ4_K {
  static constexpr int kElements = 256;
  std::uint16_t scale, low;  // f16
  std::uint8_t groups[12];   // s and m, see k_scales.h
  std::uint8_t pairs[128];   // 32 bytes for two groups: low nibbles the first, high the second
};
static_assert(sizeof(BlockQ4_K) == 144);

template <>
struct BlockOf<DType::kQ4_K> {
  using type = BlockQ4_K;
};

void decode(const BlockQ4_K& block, float* out);

}  // namespace galago::quant
