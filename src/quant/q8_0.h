// Q8_0: x = scale * q, q a signed byte.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockQ8_0 {
  static constexpr int kElements = 32;
  std::uint16_t scale;  // f16
  std::int8_t levels[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

template <>
struct BlockOf<DType::kQ8_0> {
  using type = BlockQ8_0;
};

void decode(const BlockQ8_0& block, float* out);
void encode(const float* values, BlockQ8_0* block);

}  // namespace galago::quant
