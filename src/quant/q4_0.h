// Q4_0: x = scale * (q - 8), q of 4 bits.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockQ4_0 {
  static constexpr int kElements = 32;
  std::uint16_t scale;     // f16
  std::uint8_t pairs[16];  // low nibbles: elements 0-15, high: 16-31
};
static_assert(sizeof(BlockQ4_0) == 18);

template <>
struct BlockOf<DType::kQ4_0> {
  using type = BlockQ4_0;
};

void decode(const BlockQ4_0& block, float* out);
void encode(const float* values, BlockQ4_0* block);

}  // namespace galago::quant
