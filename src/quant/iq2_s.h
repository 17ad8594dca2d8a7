// IQ2_S: 16 groups of 16; x = scale * (s + 1/2) / 4 * grid * sign, s of 4 bits per group.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockIQ2_S {
  static constexpr int kElements = 256;
  std::uint16_t scale;       // f16
  std::uint8_t indices[32];  // 8 elements each: low 8 bits of the grid index
  std::uint8_t signs[32];    // bit j: element j is negative
  std::uint8_t upper[8];     // two high bits of four indices each
  std::uint8_t groups[8];    // s, low nibble first
};
static_assert(sizeof(BlockIQ2_S) == 82);

template <>
struct BlockOf<DType::kIQ2_S> {
  using type = BlockIQ2_S;
};

void decode(const BlockIQ2_S& block, float* out);

}  // namespace galago::quant
