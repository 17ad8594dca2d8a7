#include "quant/q4_0.h"

#include "quant/encoding.h"
#include "quant/half.h"

namespace galago::quant {

void decode(const BlockQ4_0& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int j = 0; j < 16; ++j) {
    out[j] = scale * static_cast<float>((block.pairs[j] & 0xf) - 8);
    out[j + 16] = scale * static_cast<float>((block.pairs[j] >> 4) - 8);
  }
}

void encode(const float* values, BlockQ4_0* block) {
  const float scale = signed_extreme(values, 32) / -8.0f;
  const float inverse_scale = inverse(scale);
  const auto level = [&](int i) { return clamped_level(values[i] * inverse_scale + 8.5f, 0, 15); };
  block->scale = f32_to_f16(scale);
  for (int j = 0; j < 16; ++j) block->pairs[j] = static_cast<std::uint8_t>(level(j) | level(j + 16) << 4);
}

}  // namespace galago::quant
