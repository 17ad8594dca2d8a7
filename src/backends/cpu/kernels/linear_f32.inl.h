// y = x W^T from weights of any kind and f32 activations. Panels of weights are expanded to f32 in L1 (f32 tiles are
// read where they lie), then multiplied with up to 264 rows. Sums run along K in order, one fused multiply-add after
// the other, also across panels: the bits of a row depend on nothing else.
#pragma once

#include "backends/cpu/kernels/linear_int8.inl.h"
#include "backends/cpu/kernels/row_bases.inl.h"
#include "backends/cpu/kernels/weights_f32.inl.h"

namespace galago::cpu {

constexpr std::int64_t kF32PanelRows = 264;  // that share an expanded panel; their sums take up to 33 KiB
constexpr std::int64_t kPanelWeights = 256;  // k x tiles of a panel: 16 KiB of f32

// sums[r][v] += over k: w[v][k] * x[r][k], for kVectors vectors of lanes starting at lane group `group`.
template <class Isa, int kVectors, int kRows>
GALAGO_INLINE void f32_block(const float* w, std::int64_t tile_stride, int group, const float* x, std::int64_t x_stride,
                             std::int64_t count, float* sums, std::int64_t sums_stride) {
  using F32 = typename Isa::F32;
  constexpr int kGroups = kTileRows / Isa::kLanes;
  const float* from[kVectors];
  RowBases<Isa, float, kRows> rows(x, x_stride);
  F32 acc[kRows][kVectors];
  GALAGO_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    from[v] = w + (group + v) / kGroups * tile_stride + (group + v) % kGroups * Isa::kLanes;
  }
  GALAGO_UNROLL
  for (int r = 0; r < kRows; ++r) {
    GALAGO_UNROLL
    for (int v = 0; v < kVectors; ++v) acc[r][v] = Isa::load(sums + r * sums_stride + (group + v) * Isa::kLanes);
  }
  for (std::int64_t k = 0; k < count; ++k) {
    F32 weights[kVectors];
    GALAGO_UNROLL
    for (int v = 0; v < kVectors; ++v) weights[v] = Isa::load(from[v] + k * kTileRows);
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const F32 value = Isa::set1(*rows.row(r));
      GALAGO_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[r][v] = Isa::fma(weights[v], value, acc[r][v]);
    }
    rows.template advance<1>();
  }
  GALAGO_UNROLL
  for (int r = 0; r < kRows; ++r) {
    GALAGO_UNROLL
    for (int v = 0; v < kVectors; ++v) Isa::store(sums + r * sums_stride + (group + v) * Isa::kLanes, acc[r][v]);
  }
}

// All lane groups of `tiles` tiles for rows of x.
template <class Isa>
struct F32Rows {
  const float* w;
  std::int64_t tile_stride;
  int tiles;
  const float* x;
  std::int64_t x_stride, count;
  float* sums;
  std::int64_t sums_stride;

  template <int kRows>
  void run() const {
    const int groups = tiles * (kTileRows / Isa::kLanes);
    int group = 0;
    for (; group + Isa::kFloatVectors <= groups; group += Isa::kFloatVectors) {
      f32_block<Isa, Isa::kFloatVectors, kRows>(w, tile_stride, group, x, x_stride, count, sums, sums_stride);
    }
    for (; group < groups; ++group) {
      f32_block<Isa, 1, kRows>(w, tile_stride, group, x, x_stride, count, sums, sums_stride);
    }
  }

  GALAGO_INLINE F32Rows from(std::int64_t row) const {
    return {w, tile_stride, tiles, x + row * x_stride, x_stride, count, sums + row * sums_stride, sums_stride};
  }
};

// One row against kTiles tiles of floats, which are read where they lie, side by side.
template <class Isa, WeightKind kKind, int kTiles>
void f32_one_row(const LinearArgs& a, std::int64_t tile, std::int64_t row) {
  constexpr int kGroups = kTileRows / Isa::kLanes;
  constexpr std::int64_t kBytes = kKind == WeightKind::kF32 ? 4 : 2, kStep = kTileRows * kBytes;
  const std::uint8_t* from = weight_tile(a.weight, tile).data;
  const float* x = a.x + row * a.x_stride;
  typename Isa::F32 acc[kTiles][kGroups];
  GALAGO_UNROLL
  for (int t = 0; t < kTiles; ++t) {
    GALAGO_UNROLL
    for (int g = 0; g < kGroups; ++g) acc[t][g] = Isa::zero();
  }
  // The tiles end together; then others follow, again side by side.
  const std::int64_t jump = (kTiles - 1) * a.weight.tile_bytes, in_tile = a.weight.cols - kAheadBytes / kStep;
  for (std::int64_t k = 0; k < a.weight.cols; ++k, from += kStep) {
    const std::int64_t ahead = kAheadBytes + (k < in_tile ? 0 : jump);
    const typename Isa::F32 value = Isa::set1(x[k]);
    GALAGO_UNROLL
    for (int t = 0; t < kTiles; ++t) {
      const std::uint8_t* w = from + t * a.weight.tile_bytes;
      prefetch_ahead<Isa, kStep>(w, ahead);
      GALAGO_UNROLL
      for (int g = 0; g < kGroups; ++g) {
        acc[t][g] = Isa::fma(load_floats<Isa, kKind>(w + g * Isa::kLanes * kBytes), value, acc[t][g]);
      }
    }
  }
  GALAGO_UNROLL
  for (int t = 0; t < kTiles; ++t) {
    GALAGO_UNROLL
    for (int g = 0; g < kGroups; ++g) {
      const std::int64_t column = (tile + t) * kTileRows + g * Isa::kLanes;
      if (column < a.weight.rows) store_output<Isa>(a, row, column, acc[t][g]);
    }
  }
}

// `tiles` tiles from `tile` on, rows [first, last) of at most kF32PanelRows.
template <class Isa, WeightKind kKind, int kTiles>
void f32_tiles(const LinearArgs& a, std::int64_t tile, int tiles, std::int64_t first, std::int64_t last) {
  constexpr std::int64_t kWidth = kTiles * kTileRows, kPanel = kPanelWeights / kTiles;
  alignas(64) float sums[kF32PanelRows * kWidth];
  alignas(64) float panel[kKind == WeightKind::kF32 ? 1 : kPanelWeights * kTileRows];
  const std::int64_t rows = last - first;
  for (std::int64_t i = 0; i < rows * kWidth; ++i) sums[i] = 0.0f;
  for (std::int64_t k = 0; k < a.weight.cols; k += kPanel) {
    const std::int64_t count = a.weight.cols - k < kPanel ? a.weight.cols - k : kPanel;
    const float* w = panel;
    std::int64_t tile_stride = kPanel * kTileRows;
    if constexpr (kKind == WeightKind::kF32) {
      w = reinterpret_cast<const float*>(weight_tile(a.weight, tile).data) + k * kTileRows;
      tile_stride = a.weight.tile_bytes / 4;
    } else if constexpr (kKind == WeightKind::kRows) {
      expand_rows<Isa>(a.weight, tile, k, count, panel);
    } else {
      for (int t = 0; t < tiles; ++t) {
        expand_tile<Isa, kKind>(weight_tile(a.weight, tile + t), k, count, panel + t * tile_stride);
      }
    }
    const float* x = a.x + first * a.x_stride + k;
    PanelAhead ahead = panel_ahead<Isa>(a, tile, tiles, k + count, kPanel, rows / Isa::kFloatRows + 1);
    const F32Rows<Isa> all{w, tile_stride, tiles, x, a.x_stride, count, sums, kWidth};
    for_rows<Isa, Isa::kFloatRows>(rows, ReadingAhead{all, &ahead});
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t lane = 0; lane < tiles * kTileRows; lane += Isa::kLanes) {
      const std::int64_t column = tile * kTileRows + lane;
      if (column < a.weight.rows) store_output<Isa>(a, first + r, column, Isa::load(sums + r * kWidth + lane));
    }
  }
}

template <class Isa, WeightKind kKind>
void linear_f32_kind(const LinearArgs& a) {
  constexpr int kTiles = kKind == WeightKind::kRows ? 1 : Isa::kFloatTiles;
  if constexpr (kIsFloat<kKind>) {
    if (a.last_row - a.first_row == 1) {
      std::int64_t tile = a.first_tile;
      for (; tile + kTiles <= a.last_tile; tile += kTiles) {
        f32_one_row<Isa, kKind, kTiles>(a, tile, a.first_row);
      }
      for (; tile < a.last_tile; ++tile) f32_one_row<Isa, kKind, 1>(a, tile, a.first_row);
      return;
    }
  }
  const std::int64_t step = equal_rows<Isa, Isa::kFloatRows>(a.last_row - a.first_row, kF32PanelRows);
  for (std::int64_t row = a.first_row; row < a.last_row; row += step) {
    const std::int64_t last = row + step < a.last_row ? row + step : a.last_row;
    for (std::int64_t tile = a.first_tile; tile < a.last_tile; tile += kTiles) {
      const std::int64_t tiles = a.last_tile - tile < kTiles ? a.last_tile - tile : kTiles;
      f32_tiles<Isa, kKind, kTiles>(a, tile, static_cast<int>(tiles), row, last);
    }
  }
}

template <class Isa>
void linear_f32(const LinearArgs& a) {
  switch (a.weight.kind) {
    case WeightKind::kRows: return linear_f32_kind<Isa, WeightKind::kRows>(a);
    case WeightKind::kF32: return linear_f32_kind<Isa, WeightKind::kF32>(a);
    case WeightKind::kF16: return linear_f32_kind<Isa, WeightKind::kF16>(a);
    case WeightKind::kBF16: return linear_f32_kind<Isa, WeightKind::kBF16>(a);
#define GALAGO_WEIGHT_KIND(kind, bytes) \
  case WeightKind::kind: return linear_f32_kind<Isa, WeightKind::kind>(a);
#include "backends/cpu/weight_kinds.def"
#undef GALAGO_WEIGHT_KIND
  }
}

}  // namespace galago::cpu
