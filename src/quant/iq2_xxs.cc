#include "quant/iq2_xxs.h"

#include "quant/half.h"
#include "quant/iq_grids.h"

namespace galago::quant {

void decode(const BlockIQ2_XXS& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int group = 0; group < 8; ++group) {
    const std::uint16_t* words = block.words + group * 4;
    const std::uint32_t signs = words[2] | static_cast<std::uint32_t>(words[3]) << 16;
    const float step = scale * (0.5f + static_cast<float>(signs >> 28)) * 0.25f;
    for (int j = 0; j < 32; ++j) {
      const int index = words[j / 16] >> (j / 8 % 2 * 8) & 0xff;
      const float magnitude = step * grid2_value(kIQ2_XXSGrid[index], j % 8);
      out[group * 32 + j] = with_sign(magnitude, even_signs(signs >> (j / 8 * 7) & 0x7f), j % 8);
    }
  }
}

}  // namespace galago::quant
