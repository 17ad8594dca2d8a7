// How the right side of a product in tiles of 16-bit numbers lies: of each step of 32 k two tiles of 16 columns, each
// 16 rows of 16 pairs (k, k + 1).
#pragma once

#include <cstdint>

#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

constexpr std::int64_t kPairStep = 32;  // k of a tile, its rows, and the columns of two
constexpr std::int64_t kPairTile = 16 * kPairStep;

// Where the pairs (k, k + 1) of 16 columns lie; k is even.
GALAGO_INLINE std::uint16_t* panel_pairs(std::uint16_t* panel, std::int64_t k, std::int64_t tile) {
  return panel + k / kPairStep * 2 * kPairTile + tile * kPairTile + k % kPairStep / 2 * kPairStep;
}

}  // namespace galago::cpu
