// IQ3_S: 8 groups of 32; x = scale * (2 s + 1) * grid * sign, s of 4 bits per group.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockIQ3_S {
  static constexpr int kElements = 256;
  std::uint16_t scale;       // f16
  std::uint8_t indices[64];  // 4 elements each: low 8 bits of the grid index
  std::uint8_t upper[8];     // the highest bit of eight indices each
  std::uint8_t signs[32];    // bit j: element j is negative
  std::uint8_t groups[4];    // s, low nibble first
};
static_assert(sizeof(BlockIQ3_S) == 110);

template <>
struct BlockOf<DType::kIQ3_S> {
  using type = BlockIQ3_S;
};

void decode(const BlockIQ3_S& block, float* out);

}  // namespace galago::quant
