#include "quant/nvfp4.h"

#include "quant/e2m1.h"
#include "quant/half.h"

namespace galago::quant {

void decode(const BlockNVFP4& block, float* out) {
  for (int group = 0; group < 4; ++group) {
    const float half_scale = ue4m3_to_f32(block.scales[group]) * 0.5f;  // the table holds twice the values
    for (int j = 0; j < 8; ++j) {
      const std::uint8_t pair = block.pairs[group * 8 + j];
      out[group * 16 + j] = half_scale * static_cast<float>(kTwiceE2M1[pair & 0xf]);
      out[group * 16 + j + 8] = half_scale * static_cast<float>(kTwiceE2M1[pair >> 4]);
    }
  }
}

}  // namespace galago::quant
