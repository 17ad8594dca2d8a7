#include "quant/tq2_0.h"

#include <cmath>

#include "quant/encoding.h"
#include "quant/half.h"

namespace galago::quant {

void decode(const BlockTQ2_0& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int i = 0; i < 256; ++i) {
    const int level = block.quads[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
    out[i] = scale * static_cast<float>(level - 1);
  }
}

void encode(const float* values, BlockTQ2_0* block) {
  const float scale = std::fabs(signed_extreme(values, 256));
  const float inverse_scale = inverse(scale);
  block->scale = f32_to_f16(scale);
  for (std::uint8_t& quad : block->quads) quad = 0;
  for (int i = 0; i < 256; ++i) {
    const int level = clamped_level(std::round(values[i] * inverse_scale), -1, 1) + 1;
    block->quads[i / 128 * 32 + i % 32] |= static_cast<std::uint8_t>(level << (i % 128 / 32 * 2));
  }
}

}  // namespace galago::quant
