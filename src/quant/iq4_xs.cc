#include "quant/iq4_xs.h"

#include "quant/half.h"
#include "quant/iq4_codebook.h"

namespace galago::quant {

void decode(const BlockIQ4_XS& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int group = 0; group < 8; ++group) {
    const int low = block.groups[group / 2] >> (group % 2 * 4) & 0xf, high = block.upper >> (group * 2) & 3;
    const float step = scale * static_cast<float>((low | high << 4) - 32);
    for (int j = 0; j < 16; ++j) {
      const std::uint8_t pair = block.pairs[group * 16 + j];
      out[group * 32 + j] = step * static_cast<float>(kIQ4Codebook[pair & 0xf]);
      out[group * 32 + j + 16] = step * static_cast<float>(kIQ4Codebook[pair >> 4]);
    }
  }
}

}  // namespace galago::quant
