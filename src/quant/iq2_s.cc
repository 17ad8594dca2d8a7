#include "quant/iq2_s.h"

#include "quant/half.h"
#include "quant/iq_grids.h"

namespace galago::quant {

void decode(const BlockIQ2_S& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int i = 0; i < 256; ++i) {
    const int index = block.indices[i / 8] | (block.upper[i / 32] >> (i / 8 % 4 * 2) & 3) << 8;
    const int group = block.groups[i / 32] >> (i / 16 % 2 * 4) & 0xf;
    const float step = scale * (0.5f + static_cast<float>(group)) * 0.25f;
    out[i] = with_sign(step * grid2_value(kIQ2_SGrid[index], i % 8), block.signs[i / 8], i % 8);
  }
}

}  // namespace galago::quant
