// IQ1_S: 8 groups of 32; x = scale * (2 s + 1) * (grid +- 1/8), s of 3 bits and the shift's sign per group.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockIQ1_S {
  static constexpr int kElements = 256;
  std::uint16_t scale;       // f16
  std::uint8_t indices[32];  // 8 elements each: low 8 bits of the grid index
  std::uint16_t groups[8];   // four times 3 high bits of an index; s; the highest bit: shift down
};
static_assert(sizeof(BlockIQ1_S) == 50);

template <>
struct BlockOf<DType::kIQ1_S> {
  using type = BlockIQ1_S;
};

void decode(const BlockIQ1_S& block, float* out);

}  // namespace galago::quant
