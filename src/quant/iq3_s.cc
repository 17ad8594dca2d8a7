#include "quant/iq3_s.h"

#include "quant/half.h"
#include "quant/iq_grids.h"

namespace galago::quant {

void decode(const BlockIQ3_S& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int i = 0; i < 256; ++i) {
    const int index = block.indices[i / 4] | (block.upper[i / 32] >> (i / 4 % 8) & 1) << 8;
    const int group = block.groups[i / 64] >> (i / 32 % 2 * 4) & 0xf;
    const int level = kIQ3_SGrid[index] >> (i % 4 * 4) & 7;
    const float step = scale * static_cast<float>(1 + 2 * group);
    out[i] = with_sign(step * static_cast<float>(2 * level + 1), block.signs[i / 8], i % 8);
  }
}

}  // namespace galago::quant
