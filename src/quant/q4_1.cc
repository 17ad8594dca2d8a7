#include "quant/q4_1.h"

#include "quant/encoding.h"
#include "quant/half.h"

namespace galago::quant {

void decode(const BlockQ4_1& block, float* out) {
  const float scale = f16_to_f32(block.scale), low = f16_to_f32(block.low);
  for (int j = 0; j < 16; ++j) {
    out[j] = scale * static_cast<float>(block.pairs[j] & 0xf) + low;
    out[j + 16] = scale * static_cast<float>(block.pairs[j] >> 4) + low;
  }
}

void encode(const float* values, BlockQ4_1* block) {
  const auto [low, high] = range(values, 32);
  const float scale = (high - low) / 15.0f;
  const float inverse_scale = inverse(scale), base = low;
  const auto level = [&](int i) { return clamped_level((values[i] - base) * inverse_scale + 0.5f, 0, 15); };
  block->scale = f32_to_f16(scale);
  block->low = f32_to_f16(low);
  for (int j = 0; j < 16; ++j) block->pairs[j] = static_cast<std::uint8_t>(level(j) | level(j + 16) << 4);
}

}  // namespace galago::quant
