#include "quant/q3_k.h"

#include "quant/half.h"

namespace galago::quant {
namespace {

int group_scale(const BlockQ3_K& block, int group) {
  const int low = block.groups[group % 8] >> (group / 8 * 4) & 0xf;
  const int high = block.groups[8 + group % 4] >> (group / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

}  // namespace

void decode(const BlockQ3_K& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int i = 0; i < 256; ++i) {
    const int upper = block.third[i % 32] >> (i / 32) & 1;
    const int level = (block.quads[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3) | upper << 2;
    out[i] = scale * static_cast<float>(group_scale(block, i / 16)) * static_cast<float>(level - 4);
  }
}

}  // namespace galago::quant
