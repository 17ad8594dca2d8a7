// IQ2_XXS: 8 groups of 32; x = scale * (s + 1/2) / 4 * grid * sign, s of 4 bits per group. For each group two 32-bit
// words: four bytes of grid indices; four times 7 bits of signs (iq_grids.h), then s.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockIQ2_XXS {
  static constexpr int kElements = 256;
  std::uint16_t scale;      // f16
  std::uint16_t words[32];  // 32-bit words in halves, low half first: they lie 2-byte aligned
};
static_assert(sizeof(BlockIQ2_XXS) == 66);

template <>
struct BlockOf<DType::kIQ2_XXS> {
  using type = BlockIQ2_XXS;
};

void decode(const BlockIQ2_XXS& block, float* out);

}  // namespace galago::quant
