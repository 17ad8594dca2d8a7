// Q5_0: x = scale * (q - 16), q of 5 bits.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockQ5_0 {
  static constexpr int kElements = 32;
  std::uint16_t scale;     // f16
  std::uint8_t fifth[4];   // bit i: the highest bit of element i
  std::uint8_t pairs[16];  // low nibbles: elements 0-15, high: 16-31
};
static_assert(sizeof(BlockQ5_0) == 22);

template <>
struct BlockOf<DType::kQ5_0> {
  using type = BlockQ5_0;
};

void decode(const BlockQ5_0& block, float* out);
void encode(const float* values, BlockQ5_0* block);

}  // namespace galago::quant
