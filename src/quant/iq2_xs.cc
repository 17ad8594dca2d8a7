#include "quant/iq2_xs.h"

#include "quant/half.h"
#include "quant/iq_grids.h"

namespace galago::quant {

void decode(const BlockIQ2_XS& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int i = 0; i < 256; ++i) {
    const std::uint16_t code = block.codes[i / 8];
    const int group = block.groups[i / 32] >> (i / 16 % 2 * 4) & 0xf;
    const float step = scale * (0.5f + static_cast<float>(group)) * 0.25f;
    out[i] = with_sign(step * grid2_value(kIQ2_XSGrid[code & 0x1ff], i % 8), even_signs(code >> 9), i % 8);
  }
}

}  // namespace galago::quant
