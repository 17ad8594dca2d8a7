// TQ2_0: ternary, x = scale * (t - 1), t of 2 bits.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockTQ2_0 {
  static constexpr int kElements = 256;
  std::uint8_t quads[64];  // 32 bytes for 128 elements: bits 2k hold the elements 32k to 32k + 31
  std::uint16_t scale;     // f16
};
static_assert(sizeof(BlockTQ2_0) == 66);

template <>
struct BlockOf<DType::kTQ2_0> {
  using type = BlockTQ2_0;
};

void decode(const BlockTQ2_0& block, float* out);
void encode(const float* values, BlockTQ2_0* block);

}  // namespace galago::quant
