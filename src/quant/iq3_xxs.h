// IQ3_XXS: 8 groups of 32; x = scale * (s + 1/2) / 2 * grid * sign, s of 4 bits per group.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockIQ3_XXS {
  static constexpr int kElements = 256;
  std::uint16_t scale;       // f16
  std::uint8_t indices[64];  // 4 elements each
  std::uint16_t words[16];   // 32-bit words in halves, one a group: four times 7 bits of signs (iq_grids.h), then s
};
static_assert(sizeof(BlockIQ3_XXS) == 98);

template <>
struct BlockOf<DType::kIQ3_XXS> {
  using type = BlockIQ3_XXS;
};

void decode(const BlockIQ3_XXS& block, float* out);

}  // namespace galago::quant
