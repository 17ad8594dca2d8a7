// Q5_K: 8 groups of 32; x = scale * s * q - low * m, q of 5 bits, s and m of 6 bits, per group.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockQ5_K {
  static constexpr int kElements = 256;
  std::uint16_t scale, low;  // f16
  std::uint8_t groups[12];   // s and m, see k_scales.h
  std::uint8_t fifth[32];    // bit g of byte j: the highest bit of element j of group g
  std::uint8_t pairs[128];   // 32 bytes for two groups: low nibbles the first, high the second
};
static_assert(sizeof(BlockQ5_K) == 176);

template <>
struct BlockOf<DType::kQ5_K> {
  using type = BlockQ5_K;
};

void decode(const BlockQ5_K& block, float* out);

}  // namespace galago::quant
