#include "quant/q8_0.h"

#include <cmath>

#include "quant/encoding.h"
#include "quant/half.h"

namespace galago::quant {

void decode(const BlockQ8_0& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(block.levels[j]) * scale;
}

void encode(const float* values, BlockQ8_0* block) {
  const float scale = std::fabs(signed_extreme(values, 32)) / 127.0f;
  const float inverse_scale = inverse(scale);
  block->scale = f32_to_f16(scale);
  for (int j = 0; j < 32; ++j) {
    block->levels[j] = static_cast<std::int8_t>(clamped_level(std::round(values[j] * inverse_scale), -127, 127));
  }
}

}  // namespace galago::quant
