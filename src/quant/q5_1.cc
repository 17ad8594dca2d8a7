#include "quant/q5_1.h"

#include "quant/encoding.h"
#include "quant/half.h"

namespace galago::quant {

void decode(const BlockQ5_1& block, float* out) {
  const float scale = f16_to_f32(block.scale), low = f16_to_f32(block.low);
  for (int j = 0; j < 16; ++j) {
    const int first = (block.fifth[j / 8] >> (j % 8) & 1) << 4, second = (block.fifth[j / 8 + 2] >> (j % 8) & 1) << 4;
    out[j] = scale * static_cast<float>((block.pairs[j] & 0xf) | first) + low;
    out[j + 16] = scale * static_cast<float>((block.pairs[j] >> 4) | second) + low;
  }
}

void encode(const float* values, BlockQ5_1* block) {
  const auto [low, high] = range(values, 32);
  const float scale = (high - low) / 31.0f;
  const float inverse_scale = inverse(scale), base = low;
  const auto level = [&](int i) { return clamped_level((values[i] - base) * inverse_scale + 0.5f, 0, 31); };
  block->scale = f32_to_f16(scale);
  block->low = f32_to_f16(low);
  for (std::uint8_t& bits : block->fifth) bits = 0;
  for (int j = 0; j < 16; ++j) {
    const int first = level(j), second = level(j + 16);
    block->pairs[j] = static_cast<std::uint8_t>((first & 0xf) | (second & 0xf) << 4);
    block->fifth[j / 8] |= static_cast<std::uint8_t>((first >> 4) << (j % 8));
    block->fifth[j / 8 + 2] |= static_cast<std::uint8_t>((second >> 4) << (j % 8));
  }
}

}  // namespace galago::quant
