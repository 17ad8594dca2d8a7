// MXFP4 (OCP Microscaling 1.0): x = 2^(exponent - 127) * E2M1.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockMXFP4 {
  static constexpr int kElements = 32;
  std::uint8_t exponent;   // E8M0; ggml gives 255 no special meaning
  std::uint8_t pairs[16];  // low nibbles: elements 0-15, high: 16-31
};
static_assert(sizeof(BlockMXFP4) == 17);

template <>
struct BlockOf<DType::kMXFP4> {
  using type = BlockMXFP4;
};

void decode(const BlockMXFP4& block, float* out);
void encode(const float* values, BlockMXFP4* block);

}  // namespace galago::quant
