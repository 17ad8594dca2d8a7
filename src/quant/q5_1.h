// Q5_1: x = scale * q + low, q of 5 bits.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockQ5_1 {
  static constexpr int kElements = 32;
  std::uint16_t scale, low;  // f16
  std::uint8_t fifth[4];     // bit i: the highest bit of element i
  std::uint8_t pairs[16];    // low nibbles: elements 0-15, high: 16-31
};
static_assert(sizeof(BlockQ5_1) == 24);

template <>
struct BlockOf<DType::kQ5_1> {
  using type = BlockQ5_1;
};

void decode(const BlockQ5_1& block, float* out);
void encode(const float* values, BlockQ5_1* block);

}  // namespace galago::quant
