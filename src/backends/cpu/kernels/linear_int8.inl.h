// y = x W^T from packed weights and int8 activations. Each output lane adds its blocks along K in order, whatever the
// number of rows computed at once: that is what makes a row's bits independent of its neighbours.
#pragma once

#include "backends/cpu/kernels/quantize.inl.h"
#include "backends/cpu/kernels/weights_int8.inl.h"

namespace galago::cpu {

// acc + bias + residual for lanes of output columns [column, column + kLanes), of which those beyond the matrix are
// dropped.
template <class Isa>
GALAGO_INLINE void store_output(const LinearArgs& a, std::int64_t row, std::int64_t column, typename Isa::F32 acc) {
  const std::int64_t left = a.weight.rows - column;
  if (a.bias != nullptr) acc = Isa::add(acc, load_row<Isa>(a.bias + column, left));
  if (a.residual != nullptr) {
    acc = Isa::add(acc, load_row<Isa>(a.residual + row * a.residual_stride + column, left));
  }
  store_row<Isa>(a.y + row * a.y_stride + column, acc, left);
}

// Few rows wait for memory, and the hardware's prefetch stops at each page. 3 KiB ahead is worth a tenth of the
// bandwidth (Cascade Lake: 9.6 to 10.8 GB/s a thread; 1 and 2 KiB gain less, 4 KiB the same).
template <std::int64_t kStep>
GALAGO_INLINE void prefetch_ahead(const std::uint8_t* p) {
  GALAGO_UNROLL
  for (std::int64_t line = 0; line < kStep; line += 64) __builtin_prefetch(p + 3072 + line);
}

// One row of x against one tile, whose blocks are unpacked into registers.
template <class Isa, WeightKind kKind>
void int8_one_row(const LinearArgs& a, std::int64_t tile, std::int64_t row) {
  using Weights = Int8Weights<Isa, kKind>;
  const WeightTile source = weight_tile(a.weight, tile);
  const std::int64_t blocks = a.weight.cols / kQuantGroup;
  for (int lane = 0; lane < kTileRows; lane += Isa::kLanes) {
    const std::int64_t column = tile * kTileRows + lane;
    if (column >= a.weight.rows) return;
    typename Isa::F32 acc[1] = {Isa::zero()};
    const QuantBlock* x = a.quantized + row * a.quantized_stride;
    for (std::int64_t block = 0; block < blocks; ++block, ++x) {
      prefetch_ahead<Weights::Layout::kStep>(source.data + block * Weights::Layout::kStep);
      Weights(source, block, lane).accumulate(acc, x, 0);
    }
    store_output<Isa>(a, row, column, acc[0]);
  }
}

// sums (rows, kLanes) += the blocks of a panel times `rows` rows of x, in steps of kRows, then of half as many.
template <class Isa, class Block, int kRows>
void int8_panel(const Block* panel, std::int64_t blocks, const QuantBlock* x, std::int64_t stride, std::int64_t rows,
                float* sums) {
  std::int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) {
    typename Isa::F32 acc[kRows];
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) acc[r] = Isa::load(sums + (row + r) * Isa::kLanes);
    for (std::int64_t block = 0; block < blocks; ++block)
      panel[block].accumulate(acc, x + row * stride + block, stride);
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) Isa::store(sums + (row + r) * Isa::kLanes, acc[r]);
  }
  if constexpr (kRows > 1) {
    if (row < rows) {
      int8_panel<Isa, Block, kRows / 2>(panel, blocks, x + row * stride, stride, rows - row, sums + row * Isa::kLanes);
    }
  }
}

constexpr std::int64_t kInt8PanelBlocks = 16;  // 10 KiB of unpacked weights
constexpr std::int64_t kInt8PanelRows = 256;   // that share them; their sums take 16 KiB

// Rows [first, last), at most kInt8PanelRows, of one tile, whose blocks are unpacked once for all of them, a panel at a
// time.
template <class Isa, WeightKind kKind>
void int8_many_rows(const LinearArgs& a, std::int64_t tile, std::int64_t first, std::int64_t last) {
  using Weights = Int8Weights<Isa, kKind>;
  using Block = typename Weights::Block;
  Block panel[kInt8PanelBlocks];
  alignas(64) float sums[kInt8PanelRows * Isa::kLanes];
  const WeightTile source = weight_tile(a.weight, tile);
  const std::int64_t blocks = a.weight.cols / kQuantGroup, stride = a.quantized_stride, rows = last - first;
  for (int lane = 0; lane < kTileRows; lane += Isa::kLanes) {
    const std::int64_t column = tile * kTileRows + lane;
    if (column >= a.weight.rows) return;
    for (std::int64_t i = 0; i < rows * Isa::kLanes; ++i) sums[i] = 0.0f;
    for (std::int64_t block = 0; block < blocks; block += kInt8PanelBlocks) {
      const std::int64_t count = blocks - block < kInt8PanelBlocks ? blocks - block : kInt8PanelBlocks;
      for (std::int64_t i = 0; i < count; ++i) {
        prefetch_ahead<Weights::Layout::kStep>(source.data + (block + i) * Weights::Layout::kStep);
        panel[i] = Weights(source, block + i, lane);
      }
      int8_panel<Isa, Block, Isa::kIntRows>(panel, count, a.quantized + first * stride + block, stride, rows, sums);
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      store_output<Isa>(a, first + r, column, Isa::load(sums + r * Isa::kLanes));
    }
  }
}

template <class Isa, WeightKind kKind>
void linear_int8_kind(const LinearArgs& a) {
  if (a.last_row - a.first_row == 1) {
    for (std::int64_t tile = a.first_tile; tile < a.last_tile; ++tile) int8_one_row<Isa, kKind>(a, tile, a.first_row);
    return;
  }
  // Rows whose activations stay in half a megabyte of L2 while all tiles pass over them.
  constexpr std::int64_t kL2Bytes = 512 * 1024;
  const std::int64_t row_bytes = a.weight.cols / kQuantGroup * static_cast<std::int64_t>(sizeof(QuantBlock));
  std::int64_t step = kL2Bytes / (row_bytes > 0 ? row_bytes : 1) / Isa::kIntRows * Isa::kIntRows;
  if (step < 4 * Isa::kIntRows) step = 4 * Isa::kIntRows;
  if (step > kInt8PanelRows) step = kInt8PanelRows;
  for (std::int64_t row = a.first_row; row < a.last_row; row += step) {
    const std::int64_t last = row + step < a.last_row ? row + step : a.last_row;
    for (std::int64_t tile = a.first_tile; tile < a.last_tile; ++tile) int8_many_rows<Isa, kKind>(a, tile, row, last);
  }
}

template <class Isa>
void linear_int8(const LinearArgs& a) {
  static_assert(layouts_agree<Isa>());
  switch (a.weight.kind) {
#define GALAGO_WEIGHT_KIND(kind, bytes) \
  case WeightKind::kind: return linear_int8_kind<Isa, WeightKind::kind>(a);
#include "backends/cpu/weight_kinds.def"
#undef GALAGO_WEIGHT_KIND
    case WeightKind::kRows:
    case WeightKind::kF32:
    case WeightKind::kF16:
    case WeightKind::kBF16: return;  // takes_int8() says no
  }
}

}  // namespace galago::cpu
