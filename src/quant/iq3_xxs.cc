#include "quant/iq3_xxs.h"

#include "quant/half.h"
#include "quant/iq_grids.h"

namespace galago::quant {

void decode(const BlockIQ3_XXS& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int group = 0; group < 8; ++group) {
    const std::uint32_t signs = block.words[group * 2] | static_cast<std::uint32_t>(block.words[group * 2 + 1]) << 16;
    const float step = scale * (0.5f + static_cast<float>(signs >> 28)) * 0.5f;
    for (int j = 0; j < 32; ++j) {
      const std::uint16_t packed = kIQ3_XXSGrid[block.indices[group * 8 + j / 4]];
      const float magnitude = step * kIQ3_XXSLevels[packed >> (j % 4 * 4) & 7];
      out[group * 32 + j] = with_sign(magnitude, even_signs(signs >> (j / 8 * 7) & 0x7f), j % 8);
    }
  }
}

}  // namespace galago::quant
