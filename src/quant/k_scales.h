// The 6-bit scales and minima of Q4_K's and Q5_K's eight groups, packed into 12 bytes.
#pragma once

#include <cstdint>

namespace galago::quant {

struct KScale {
  int scale, low;
};

// Groups 0-3: the low 6 bits of bytes 0-3 (scale) and 4-7 (low). Groups 4-7: nibbles of bytes 8-11, with the two bits
// above in the top bits of the bytes before.
constexpr KScale k_scale(const std::uint8_t (&packed)[12], int group) {
  if (group < 4) return {packed[group] & 0x3f, packed[group + 4] & 0x3f};
  const int nibbles = packed[group + 4];
  return {(nibbles & 0xf) | (packed[group - 4] >> 6) << 4, nibbles >> 4 | (packed[group] >> 6) << 4};
}

}  // namespace galago::quant
