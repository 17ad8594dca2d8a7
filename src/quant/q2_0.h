// Q2_0: x = scale * (q - 1), q of 2 bits: -1, 0, 1 and 2 times the scale.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockQ2_0 {
  static constexpr int kElements = 64;
  std::uint16_t scale;     // f16
  std::uint8_t quads[16];  // bits 2 * (i % 4) of byte i / 4
};
static_assert(sizeof(BlockQ2_0) == 18);

template <>
struct BlockOf<DType::kQ2_0> {
  using type = BlockQ2_0;
};

void decode(const BlockQ2_0& block, float* out);
// Ternary: the scale is the largest magnitude, so that level 2 stays unused, as in ggml's quantizer.
void encode(const float* values, BlockQ2_0* block);

}  // namespace galago::quant
