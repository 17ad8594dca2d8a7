#include "quant/q2_0.h"

#include <cmath>

#include "quant/encoding.h"
#include "quant/half.h"

namespace galago::quant {

void decode(const BlockQ2_0& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int j = 0; j < 64; ++j) out[j] = static_cast<float>((block.quads[j / 4] >> (2 * (j % 4)) & 3) - 1) * scale;
}

void encode(const float* values, BlockQ2_0* block) {
  const float scale = std::fabs(signed_extreme(values, 64));
  const float inverse_scale = inverse(scale);
  block->scale = f32_to_f16(scale);
  for (std::uint8_t& quad : block->quads) quad = 0;
  for (int j = 0; j < 64; ++j) {
    const int level = clamped_level(std::round(values[j] * inverse_scale), -1, 1) + 1;
    block->quads[j / 4] |= static_cast<std::uint8_t>(level << (2 * (j % 4)));
  }
}

}  // namespace galago::quant
