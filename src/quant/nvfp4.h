// NVFP4: 4 groups of 16; x = UE4M3 scale of the group * E2M1.
#pragma once

#include "quant/block.h"

namespace galago::quant {

struct BlockNVFP4 {
  static constexpr int kElements = 64;
  std::uint8_t scales[4];
  std::uint8_t pairs[32];  // 8 bytes a group, low nibbles: elements 0-7 of the group, high: 8-15
};
static_assert(sizeof(BlockNVFP4) == 36);

template <>
struct BlockOf<DType::kNVFP4> {
  using type = BlockNVFP4;
};

void decode(const BlockNVFP4& block, float* out);

}  // namespace galago::quant
