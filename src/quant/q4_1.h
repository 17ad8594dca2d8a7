// Q4_1: x = scale * q + low, q of 4 bits.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockQ4_1 {
  static constexpr int kElements = 32;
  std::uint16_t scale, low;  // f16
  std::uint8_t pairs[16];    // low nibbles: elements 0-15, high: 16-31
};
static_assert(sizeof(BlockQ4_1) == 20);

template <>
struct BlockOf<DType::kQ4_1> {
  using type = BlockQ4_1;
};

void decode(const BlockQ4_1& block, float* out);
void encode(const float* values, BlockQ4_1* block);

}  // namespace galago::quant
