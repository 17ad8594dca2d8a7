// y = x W^T in bf16 tiles with f32 sums, for many rows. Two weight tiles (32 columns) are expanded panel by panel to
// bf16, which lies in L2 while all rows pass. A row's sum runs along K in order, whatever its neighbours: each step of
// 32 k adds to what the steps before it left.
#pragma once

#include "backends/cpu/kernels/linear_f32.inl.h"
#include "backends/cpu/kernels/pair_panel.inl.h"

namespace galago::cpu {

constexpr std::int64_t kBf16Rows = 512;   // rows that share an expanded panel; their sums take 64 KiB
constexpr std::int64_t kBf16Panel = 512;  // k of a panel: 32 KiB of bf16

// Rounds rows of f32 to bf16. `y` may be x: each row then keeps its place and uses its first half.
template <class Isa>
void narrow_rows(const NarrowArgs& a) {
  for (std::int64_t row = a.first_row; row < a.last_row; ++row) {
    const float* x = a.x + row * a.x_stride;
    std::uint16_t* y = a.y + row * a.y_stride;
    for (std::int64_t k = 0; k < a.cols; k += Isa::kLanes) Isa::Tiles::store_narrow(y + k, Isa::load(x + k));
  }
}

// Weights k0 .. k0 + count of one tile of 16 columns as pairs (k, k + 1) of each column.
template <class Isa, WeightKind kKind>
GALAGO_INLINE void expand_pairs(const WeightView& weight, std::int64_t tile, std::int64_t k0, std::int64_t count,
                                std::uint16_t* panel) {
  alignas(64) float expanded[kPanelWeights * kTileRows];
  const WeightTile source = weight_tile(weight, tile);
  for (std::int64_t k = 0; k < count; k += kPanelWeights) {
    const std::int64_t part = count - k < kPanelWeights ? count - k : kPanelWeights;
    const float* from = expanded;
    if constexpr (kKind == WeightKind::kF32) {
      from = reinterpret_cast<const float*>(source.data) + (k0 + k) * kTileRows;
    } else if constexpr (kKind == WeightKind::kRows) {
      expand_rows<Isa>(weight, tile, k0 + k, part, expanded);
    } else {
      expand_tile<Isa, kKind>(source, k0 + k, part, expanded);
    }
    for (std::int64_t pair = 0; pair < part / 2; ++pair, from += 2 * kTileRows) {
      Isa::Tiles::store_pairs(panel_pairs(panel, k + 2 * pair, 0), Isa::load(from), Isa::load(from + kTileRows));
    }
  }
}

// Where a block of 32 rows lies: the last one of a number of rows that is no multiple of 32 overlaps the one before.
GALAGO_INLINE std::int64_t block_row(std::int64_t block, std::int64_t rows) {
  return block * kPairStep + kPairStep <= rows ? block * kPairStep : rows - kPairStep;
}

// 32 rows of x from k on, of which only `rows` exist.
GALAGO_INLINE void copy_few_rows(const LinearArgs& a, std::int64_t first, std::int64_t rows, std::int64_t k,
                                 std::int64_t count, std::uint16_t* to) {
  for (std::int64_t r = 0; r < kPairStep; ++r) {
    const std::uint16_t* from = a.x_bf16 + (first + (r < rows ? r : 0)) * a.x_bf16_stride + k;
    for (std::int64_t i = 0; i < count; ++i) to[r * kBf16Panel + i] = r < rows ? from[i] : 0;
  }
}

// Tiles `tile` and `tile + 1` (of which the second may be missing), rows [first, last) of at most kBf16Rows.
template <class Isa, WeightKind kKind>
void bf16_columns(const LinearArgs& a, std::int64_t tile, int tiles, std::int64_t first, std::int64_t last) {
  alignas(64) float sums[kBf16Rows * kPairStep];
  alignas(64) std::uint16_t panel[kBf16Panel * kPairStep];
  alignas(64) std::uint16_t few[kPairStep * kBf16Panel];
  const std::int64_t rows = last - first, blocks = (rows + kPairStep - 1) / kPairStep;
  for (std::int64_t i = 0; i < blocks * kPairStep * kPairStep; ++i) sums[i] = 0.0f;
  if (tiles == 1) {
    for (std::uint16_t& value : panel) value = 0;
  }
  for (std::int64_t k = 0; k < a.weight.cols; k += kBf16Panel) {
    const std::int64_t count = a.weight.cols - k < kBf16Panel ? a.weight.cols - k : kBf16Panel;
    for (int t = 0; t < tiles; ++t) expand_pairs<Isa, kKind>(a.weight, tile + t, k, count, panel + t * kPairTile);
    if (rows < kPairStep) {
      copy_few_rows(a, first, rows, k, count, few);
      Isa::Tiles::multiply(few, 2 * kBf16Panel, panel, count / kPairStep, sums, kPairStep);
      continue;
    }
    PanelAhead ahead = panel_ahead<Isa>(a, tile, tiles, k + count, kBf16Panel, blocks);
    for (std::int64_t block = 0; block < blocks; ++block) {
      ahead.advance();
      const std::uint16_t* x = a.x_bf16 + (first + block_row(block, rows)) * a.x_bf16_stride + k;
      Isa::Tiles::multiply(x, 2 * a.x_bf16_stride, panel, count / kPairStep, sums + block * kPairStep * kPairStep,
                           kPairStep);
    }
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t block = r / kPairStep, from = rows < kPairStep ? 0 : block_row(block, rows);
    const float* row_sums = sums + (block * kPairStep + r - from) * kPairStep;
    for (std::int64_t lane = 0; lane < tiles * kTileRows; lane += Isa::kLanes) {
      const std::int64_t column = tile * kTileRows + lane;
      if (column < a.weight.rows) store_output<Isa>(a, first + r, column, Isa::load(row_sums + lane));
    }
  }
}

template <class Isa, WeightKind kKind>
void linear_bf16_kind(const LinearArgs& a) {
  for (std::int64_t row = a.first_row; row < a.last_row; row += kBf16Rows) {
    const std::int64_t last = row + kBf16Rows < a.last_row ? row + kBf16Rows : a.last_row;
    for (std::int64_t tile = a.first_tile; tile < a.last_tile; tile += 2) {
      bf16_columns<Isa, kKind>(a, tile, tile + 1 < a.last_tile ? 2 : 1, row, last);
    }
  }
}

template <class Isa>
void linear_bf16(const LinearArgs& a) {
  Isa::Tiles::configure();
  switch (a.weight.kind) {
    case WeightKind::kRows: linear_bf16_kind<Isa, WeightKind::kRows>(a); break;
    case WeightKind::kF32: linear_bf16_kind<Isa, WeightKind::kF32>(a); break;
    case WeightKind::kF16: linear_bf16_kind<Isa, WeightKind::kF16>(a); break;
    case WeightKind::kBF16: linear_bf16_kind<Isa, WeightKind::kBF16>(a); break;
#define GALAGO_WEIGHT_KIND(kind, bytes) \
  case WeightKind::kind: linear_bf16_kind<Isa, WeightKind::kind>(a); break;
#include "backends/cpu/weight_kinds.def"
#undef GALAGO_WEIGHT_KIND
  }
  Isa::Tiles::release();
}

// Whether the tiles multiply known numbers as plain loops do. All products and sums are whole numbers below 2^24.
template <class Isa>
bool tiles_multiply() {
  alignas(64) std::uint16_t x[32 * 64], w[2 * 2 * kPairTile];
  alignas(64) float sums[32 * 32];
  const auto a = [](int row, int k) { return static_cast<float>((row * 7 + k * 5) % 13 - 6); };
  const auto b = [](int column, int k) { return static_cast<float>((column * 3 + k * 11) % 17 - 8); };
  const auto narrow = [](float value) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, 4);
    return static_cast<std::uint16_t>(bits >> 16);
  };
  for (int row = 0; row < 32; ++row) {
    for (int k = 0; k < 64; ++k) x[row * 64 + k] = narrow(a(row, k));
  }
  for (int column = 0; column < 32; ++column) {
    for (int k = 0; k < 64; ++k) {
      const int tile = k / 32 * 2 + column / 16;
      w[tile * kPairTile + k % 32 / 2 * 32 + column % 16 * 2 + k % 2] = narrow(b(column, k));
    }
  }
  for (int i = 0; i < 32 * 32; ++i) sums[i] = static_cast<float>(i);
  Isa::Tiles::configure();
  Isa::Tiles::multiply(x, 128, w, 2, sums, 32);
  Isa::Tiles::release();
  for (int row = 0; row < 32; ++row) {
    for (int column = 0; column < 32; ++column) {
      float expected = static_cast<float>(row * 32 + column);
      for (int k = 0; k < 64; ++k) expected += a(row, k) * b(column, k);
      if (sums[row * 32 + column] != expected) return false;
    }
  }
  return true;
}

}  // namespace galago::cpu
