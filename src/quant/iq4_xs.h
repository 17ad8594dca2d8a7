// IQ4_XS: 8 groups of 32; x = scale * (s - 32) * codebook[q], q of 4 bits, s of 6 bits per group.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockIQ4_XS {
  static constexpr int kElements = 256;
  std::uint16_t scale;      // f16
  std::uint16_t upper;      // two high bits of each s
  std::uint8_t groups[4];   // low nibbles of s, low first
  std::uint8_t pairs[128];  // 16 bytes a group, low nibbles: elements 0-15 of the group, high: 16-31
};
static_assert(sizeof(BlockIQ4_XS) == 136);

template <>
struct BlockOf<DType::kIQ4_XS> {
  using type = BlockIQ4_XS;
};

void decode(const BlockIQ4_XS& block, float* out);

}  // namespace galago::quant
