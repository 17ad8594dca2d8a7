// IQ4_NL: x = scale * codebook[q], q of 4 bits.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockIQ4_NL {
  static constexpr int kElements = 32;
  std::uint16_t scale;     // f16
  std::uint8_t pairs[16];  // low nibbles: elements 0-15, high: 16-31
};
static_assert(sizeof(BlockIQ4_NL) == 18);

template <>
struct BlockOf<DType::kIQ4_NL> {
  using type = BlockIQ4_NL;
};

void decode(const BlockIQ4_NL& block, float* out);

}  // namespace galago::quant
