#include "quant/tq1_0.h"

#include <cmath>

#include "quant/encoding.h"
#include "quant/half.h"

namespace galago::quant {
namespace {

constexpr int kPowers[5] = {1, 3, 9, 27, 81};

struct Place {
  int index;  // of the byte in fives, then fours
  int trit;   // 0 is the most significant
};

Place place_of(int element) {
  if (element < 160) return {element % 32, element / 32};
  if (element < 240) return {32 + element % 16, (element - 160) / 16};
  return {48 + element % 4, (element - 240) / 4};
}

}  // namespace

void decode(const BlockTQ1_0& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int i = 0; i < 256; ++i) {
    const Place place = place_of(i);
    const std::uint8_t byte = place.index < 48 ? block.fives[place.index] : block.fours[place.index - 48];
    // Times 3^trit, modulo 256, brings the trit to the front of the fraction; times 3 again, it is the integer part.
    const auto fraction = static_cast<std::uint8_t>(byte * kPowers[place.trit]);
    out[i] = scale * static_cast<float>((fraction * 3 >> 8) - 1);
  }
}

void encode(const float* values, BlockTQ1_0* block) {
  const float scale = std::fabs(signed_extreme(values, 256));
  const float inverse_scale = inverse(scale);
  int numbers[52] = {};
  for (int i = 0; i < 256; ++i) {
    const Place place = place_of(i);
    numbers[place.index] += (clamped_level(std::round(values[i] * inverse_scale), -1, 1) + 1) * kPowers[4 - place.trit];
  }
  // ceil(number * 256 / 243): the least byte whose fraction starts with these trits.
  const auto fraction = [&](int index) { return static_cast<std::uint8_t>((numbers[index] * 256 + 242) / 243); };
  for (int j = 0; j < 48; ++j) block->fives[j] = fraction(j);
  for (int j = 0; j < 4; ++j) block->fours[j] = fraction(48 + j);
  block->scale = f32_to_f16(scale);
}

}  // namespace galago::quant
