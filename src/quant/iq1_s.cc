#include "quant/iq1_s.h"

#include "quant/half.h"
#include "quant/iq_grids.h"

namespace galago::quant {

void decode(const BlockIQ1_S& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int i = 0; i < 256; ++i) {
    const std::uint16_t group = block.groups[i / 32];
    const int index = block.indices[i / 8] | (group >> (i / 8 % 4 * 3) & 7) << 8;
    const float step = scale * static_cast<float>(2 * (group >> 12 & 7) + 1);
    out[i] = step * (grid1_value(kIQ1_SGrid[index], i % 8) + ((group & 0x8000) != 0 ? -0.125f : 0.125f));
  }
}

}  // namespace galago::quant
