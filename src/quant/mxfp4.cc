#include "quant/mxfp4.h"

#include <bit>
#include <cmath>

#include "quant/e2m1.h"
#include "quant/encoding.h"

namespace galago::quant {
namespace {

// 2^(code - 128): half the scale, since the table holds twice the values. ggml reads 255 as any other code.
float half_power(std::uint8_t code) {
  return std::bit_cast<float>(code < 2 ? 0x00200000u << code : static_cast<std::uint32_t>(code - 1) << 23);
}

// The code of least error, the first of equals.
int nearest(float value, float half_scale) {
  int best = 0;
  float best_error = std::fabs(value);
  for (int code = 1; code < 16; ++code) {
    const float error = std::fabs(half_scale * static_cast<float>(kTwiceE2M1[code]) - value);
    if (error < best_error) {
      best = code;
      best_error = error;
    }
  }
  return best;
}

}  // namespace

void decode(const BlockMXFP4& block, float* out) {
  const float half_scale = half_power(block.exponent);
  for (int j = 0; j < 16; ++j) {
    out[j] = half_scale * static_cast<float>(kTwiceE2M1[block.pairs[j] & 0xf]);
    out[j + 16] = half_scale * static_cast<float>(kTwiceE2M1[block.pairs[j] >> 4]);
  }
}

void encode(const float* values, BlockMXFP4* block) {
  const float largest = std::fabs(signed_extreme(values, 32));
  block->exponent = 0;
  if (largest > 0.0f) {
    // 2: the exponent of E2M1's largest values, 4 and 6. The logarithm is rounded to f32 before the floor, as the
    // package does: what lies within half a step below a power of two counts as the power.
    const float exponent = std::floor(static_cast<float>(std::log2(static_cast<double>(largest)))) - 2.0f + 127.0f;
    block->exponent = static_cast<std::uint8_t>(clamped_level(exponent, 0, 254));
  }
  const float half_scale = half_power(block->exponent);
  for (int j = 0; j < 16; ++j) {
    block->pairs[j] =
        static_cast<std::uint8_t>(nearest(values[j], half_scale) | nearest(values[j + 16], half_scale) << 4);
  }
}

}  // namespace galago::quant
