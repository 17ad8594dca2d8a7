// IQ1_M: 16 groups of 16; x = scale * (2 s + 1) * (grid +- 1/8), s of 3 bits per group, the shift's sign per 8
// elements.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockIQ1_M {
  static constexpr int kElements = 256;
  std::uint8_t indices[32];  // 8 elements each: low 8 bits of the grid index
  std::uint8_t upper[16];    // a nibble for 8 elements, low first: 3 high bits of the index, then: shift down
  std::uint16_t groups[4];   // four times s; the highest nibbles together are the scale, f16, its lowest first
};
static_assert(sizeof(BlockIQ1_M) == 56);

template <>
struct BlockOf<DType::kIQ1_M> {
  using type = BlockIQ1_M;
};

void decode(const BlockIQ1_M& block, float* out);

}  // namespace galago::quant
