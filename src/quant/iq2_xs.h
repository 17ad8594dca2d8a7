// IQ2_XS: 16 groups of 16; x = scale * (s + 1/2) / 4 * grid * sign, s of 4 bits per group.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockIQ2_XS {
  static constexpr int kElements = 256;
  std::uint16_t scale;      // f16
  std::uint16_t codes[32];  // 8 elements each: 9 bits grid index, 7 bits signs (iq_grids.h)
  std::uint8_t groups[8];   // s, low nibble first
};
static_assert(sizeof(BlockIQ2_XS) == 74);

template <>
struct BlockOf<DType::kIQ2_XS> {
  using type = BlockIQ2_XS;
};

void decode(const BlockIQ2_XS& block, float* out);

}  // namespace galago::quant
