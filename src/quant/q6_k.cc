#include "quant/q6_k.h"

#include "quant/half.h"

namespace galago::quant {

void decode(const BlockQ6_K& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128;
    const int lower = block.pairs[half * 64 + i % 64] >> (i % 128 / 64 * 4) & 0xf;
    const int upper = block.upper[half * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
    const int level = (lower | upper << 4) - 32;
    out[i] = scale * static_cast<float>(block.groups[i / 16]) * static_cast<float>(level);
  }
}

}  // namespace galago::quant
