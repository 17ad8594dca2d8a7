#include "quant/q5_0.h"

#include "quant/encoding.h"
#include "quant/half.h"

namespace galago::quant {

void decode(const BlockQ5_0& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int j = 0; j < 16; ++j) {
    const int first = (block.fifth[j / 8] >> (j % 8) & 1) << 4, second = (block.fifth[j / 8 + 2] >> (j % 8) & 1) << 4;
    out[j] = scale * static_cast<float>(((block.pairs[j] & 0xf) | first) - 16);
    out[j + 16] = scale * static_cast<float>(((block.pairs[j] >> 4) | second) - 16);
  }
}

void encode(const float* values, BlockQ5_0* block) {
  const float scale = signed_extreme(values, 32) / -16.0f;
  const float inverse_scale = inverse(scale);
  const auto level = [&](int i) { return clamped_level(values[i] * inverse_scale + 16.5f, 0, 31); };
  block->scale = f32_to_f16(scale);
  for (std::uint8_t& bits : block->fifth) bits = 0;
  for (int j = 0; j < 16; ++j) {
    const int first = level(j), second = level(j + 16);
    block->pairs[j] = static_cast<std::uint8_t>((first & 0xf) | (second & 0xf) << 4);
    block->fifth[j / 8] |= static_cast<std::uint8_t>((first >> 4) << (j % 8));
    block->fifth[j / 8 + 2] |= static_cast<std::uint8_t>((second >> 4) << (j % 8));
  }
}

}  // namespace galago::quant
