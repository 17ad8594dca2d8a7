// Q1_0: x = scale with the sign of its bit, 1 is plus.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockQ1_0 {
  static constexpr int kElements = 128;
  std::uint16_t scale;     // f16
  std::uint8_t signs[16];  // bit i % 8 of byte i / 8
};
static_assert(sizeof(BlockQ1_0) == 18);

template <>
struct BlockOf<DType::kQ1_0> {
  using type = BlockQ1_0;
};

void decode(const BlockQ1_0& block, float* out);
// The scale is the mean magnitude, which is the least squared error of signs alone.
void encode(const float* values, BlockQ1_0* block);

}  // namespace galago::quant
