#include "quant/q1_0.h"

#include <cmath>

#include "quant/half.h"

namespace galago::quant {

void decode(const BlockQ1_0& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int j = 0; j < 128; ++j) out[j] = (block.signs[j / 8] >> (j % 8) & 1) != 0 ? scale : -scale;
}

void encode(const float* values, BlockQ1_0* block) {
  float sum = 0.0f;
  for (int j = 0; j < 128; ++j) sum += std::fabs(values[j]);
  block->scale = f32_to_f16(sum / 128.0f);
  for (std::uint8_t& bits : block->signs) bits = 0;
  for (int j = 0; j < 128; ++j)
    block->signs[j / 8] |= static_cast<std::uint8_t>((values[j] >= 0.0f ? 1 : 0) << (j % 8));
}

}  // namespace galago::quant
