// The grids of the IQ1, IQ2 and IQ3 formats: vectors of 8 (IQ3: 4) levels that an index stands for, chosen by ggml's
// author on real weights and thus data, not a formula. Packed, 2 bits a level (IQ3: 4), the first element lowest.
// iq_grids.inc is written by tests/goldens/generate_iq_grids.py.
#pragma once

#include <bit>
#include <cstdint>

namespace galago::quant {

extern const std::uint16_t kIQ1_SGrid[2048];  // IQ1_M's, too
extern const std::uint16_t kIQ2_XXSGrid[256];
extern const std::uint16_t kIQ2_XSGrid[512];
extern const std::uint16_t kIQ2_SGrid[1024];
extern const std::uint16_t kIQ3_XXSGrid[256];
extern const std::uint16_t kIQ3_SGrid[512];  // level k is 2k + 1

inline constexpr std::uint8_t kIQ3_XXSLevels[8] = {4, 12, 20, 28, 36, 44, 52, 62};

// Level 3 occurs in no grid.
inline constexpr std::uint8_t kIQ2Levels[4] = {8, 25, 43, 0};

constexpr float grid1_value(std::uint16_t packed, int element) {
  return static_cast<float>((packed >> (2 * element) & 3) - 1);
}
constexpr float grid2_value(std::uint16_t packed, int element) { return kIQ2Levels[packed >> (2 * element) & 3]; }

// Eight signs from seven bits: their number is even, so the eighth is the parity of the others.
constexpr std::uint8_t even_signs(std::uint32_t seven_bits) {
  return static_cast<std::uint8_t>(seven_bits | (std::popcount(seven_bits) & 1u) << 7);
}

constexpr float with_sign(float magnitude, std::uint8_t signs, int element) {
  return (signs >> element & 1) != 0 ? -magnitude : magnitude;
}

}  // namespace galago::quant
