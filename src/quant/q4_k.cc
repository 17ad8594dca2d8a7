#include "quant/q4_k.h"

#include "quant/half.h"
#include "quant/k_scales.h"

namespace galago::quant {

void decode(const BlockQ4_K& block, float* out) {
  const float scale = f16_to_f32(block.scale), low = f16_to_f32(block.low);
  for (int group = 0; group < 8; ++group) {
    const KScale k = k_scale(block.groups, group);
    const float step = scale * static_cast<float>(k.scale), base = low * static_cast<float>(k.low);
    for (int j = 0; j < 32; ++j) {
      const int level = block.pairs[group / 2 * 32 + j] >> (group % 2 * 4) & 0xf;
      out[group * 32 + j] = step * static_cast<float>(level) - base;
    }
  }
}

}  // namespace galago::quant
