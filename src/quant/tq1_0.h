// TQ1_0: ternary, x = scale * (t - 1); bytes hold five trits, as the fraction byte / 256 in base 3.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockTQ1_0 {
  static constexpr int kElements = 256;
  std::uint8_t fives[48];  // 32 bytes for the elements 0-159 (32 a trit), 16 for 160-239 (16 a trit)
  std::uint8_t fours[4];   // the elements 240-255, 4 a trit
  std::uint16_t scale;     // f16
};
static_assert(sizeof(BlockTQ1_0) == 54);

template <>
struct BlockOf<DType::kTQ1_0> {
  using type = BlockTQ1_0;
};

void decode(const BlockTQ1_0& block, float* out);
void encode(const float* values, BlockTQ1_0* block);

}  // namespace galago::quant
