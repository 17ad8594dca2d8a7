#include "quant/iq4_nl.h"

#include "quant/half.h"
#include "quant/iq4_codebook.h"

namespace galago::quant {

void decode(const BlockIQ4_NL& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int j = 0; j < 16; ++j) {
    out[j] = scale * static_cast<float>(kIQ4Codebook[block.pairs[j] & 0xf]);
    out[j + 16] = scale * static_cast<float>(kIQ4Codebook[block.pairs[j] >> 4]);
  }
}

}  // namespace galago::quant
