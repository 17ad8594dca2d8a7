#include "quant/iq1_m.h"

#include "quant/half.h"
#include "quant/iq_grids.h"

namespace galago::quant {

void decode(const BlockIQ1_M& block, float* out) {
  std::uint16_t bits = 0;
  for (int i = 0; i < 4; ++i) bits |= static_cast<std::uint16_t>(block.groups[i] >> 12 << (i * 4));
  const float scale = f16_to_f32(bits);
  for (int i = 0; i < 256; ++i) {
    const int upper = block.upper[i / 16] >> (i / 8 % 2 * 4) & 0xf;
    const int index = block.indices[i / 8] | (upper & 7) << 8;
    const int group = block.groups[i / 64] >> (i / 16 % 4 * 3) & 7;
    const float step = scale * static_cast<float>(2 * group + 1);
    out[i] = step * (grid1_value(kIQ1_SGrid[index], i % 8) + ((upper & 8) != 0 ? -0.125f : 0.125f));
  }
}

}  // namespace galago::quant
