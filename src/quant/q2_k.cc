#include "quant/q2_k.h"

#include "quant/half.h"

namespace galago::quant {

void decode(const BlockQ2_K& block, float* out) {
  const float scale = f16_to_f32(block.scale), low = f16_to_f32(block.low);
  for (int i = 0; i < 256; ++i) {
    const std::uint8_t group = block.groups[i / 16];
    const int level = block.quads[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
    const float step = scale * static_cast<float>(group & 0xf), base = low * static_cast<float>(group >> 4);
    out[i] = step * static_cast<float>(level) - base;
  }
}

}  // namespace galago::quant
