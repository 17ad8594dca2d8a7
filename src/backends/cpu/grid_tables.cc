#include "backends/cpu/grid_tables.h"

#include <array>
#include <cstddef>

#include "quant/iq_grids.h"

namespace galago::cpu {
namespace {

template <std::size_t n>
struct GridTable {
  alignas(64) std::array<std::uint32_t, n> words;

  // `bits` of each level in the packed grid: 2 of eight, or 4 of four.
  GridTable(const std::uint16_t (&grid)[n], int bits) {
    for (std::size_t i = 0; i < n; ++i) {
      words[i] = 0;
      for (int k = 0; k < 16 / bits; ++k) {
        const auto level = static_cast<std::uint32_t>(grid[i] >> (bits * k) & ((1 << bits) - 1));
        words[i] |= level << (8 * (k % 4) + 4 * (k / 4));
      }
    }
  }
};

}  // namespace

const std::uint32_t* grid_table(WeightKind kind) {
  switch (kind) {
    case WeightKind::kIQ1_S:
    case WeightKind::kIQ1_M: {
      static const GridTable table(quant::kIQ1_SGrid, 2);
      return table.words.data();
    }
    case WeightKind::kIQ2_XXS: {
      static const GridTable table(quant::kIQ2_XXSGrid, 2);
      return table.words.data();
    }
    case WeightKind::kIQ2_XS: {
      static const GridTable table(quant::kIQ2_XSGrid, 2);
      return table.words.data();
    }
    case WeightKind::kIQ2_S: {
      static const GridTable table(quant::kIQ2_SGrid, 2);
      return table.words.data();
    }
    case WeightKind::kIQ3_XXS: {
      static const GridTable table(quant::kIQ3_XXSGrid, 4);
      return table.words.data();
    }
    case WeightKind::kIQ3_S: {
      static const GridTable table(quant::kIQ3_SGrid, 4);
      return table.words.data();
    }
    default: return nullptr;
  }
}

}  // namespace galago::cpu
