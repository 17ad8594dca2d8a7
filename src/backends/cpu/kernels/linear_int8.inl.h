// y = x W^T from packed weights and int8 activations. Each output lane adds its blocks along K in order, whatever the
// number of rows computed at once: that is what makes a row's bits independent of its neighbours.
#pragma once

#include "backends/cpu/kernels/for_count.inl.h"
#include "backends/cpu/kernels/panel_ahead.inl.h"
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

// Outputs of many rows are written a few columns at a time, into rows that often lie pages apart, where no hardware
// reads ahead: asks for those of `lanes` columns some rows before they are written. With AVX-512 VNNI 1.5 % of a
// prompt; floats and bf16, which multiply for longer, gain nothing.
template <class Isa>
GALAGO_INLINE void prefetch_output(const LinearArgs& a, std::int64_t row, std::int64_t column, std::int64_t lanes) {
  constexpr std::int64_t kRowsAhead = 16, kPageFloats = 1024;
  row += kRowsAhead;
  if (row >= a.last_row || a.y_stride < kPageFloats) return;
  for (std::int64_t lane = 0; lane < lanes && column + lane < a.weight.rows; lane += kTileRows) {
    __builtin_prefetch(a.y + row * a.y_stride + column + lane, 1, 3);
    if (a.residual != nullptr) __builtin_prefetch(a.residual + row * a.residual_stride + column + lane, 0, 2);
  }
}

// Few rows wait for memory, and the hardware's prefetch stops at each page. Into L2 only: into L1, requests seem to be
// in the way of the loads themselves. With one row and two threads, Zen 4 so reads Q4_K a quarter, Q6_K a third, Q4_0
// and Q8_0 5 to 20 % faster than with 3 KiB into L1, where distances make no difference; 4 and 8 KiB gain half of that.
// (Cascade Lake was measured into L1: 3 KiB gained a tenth, 1 and 2 KiB less, 4 KiB the same.)
constexpr std::int64_t kAheadBytes = 6144;

// For one that reads on from p, kStep bytes at a time. A thread's chunks of a matrix are neighbours, so it goes on into
// the next one, and once for each matrix into another thread's.
template <class Isa, std::int64_t kStep>
GALAGO_INLINE void prefetch_ahead(const std::uint8_t* p, std::int64_t ahead = kAheadBytes) {
  // As a number: it may lie behind the end of what is mapped.
  const std::uintptr_t from = reinterpret_cast<std::uintptr_t>(p) + static_cast<std::uintptr_t>(ahead);
  GALAGO_UNROLL
  for (std::int64_t line = 0; line < kStep; line += 64) {
    __builtin_prefetch(reinterpret_cast<const void*>(from + static_cast<std::uintptr_t>(line)), 0, 2);
  }
}

// Few rows of x against one tile after the other, whose blocks are unpacked into registers: with 2 to 8 rows a third
// to a half faster than by way of a panel.
template <class Isa, WeightKind kKind>
struct Int8FewRows {
  const LinearArgs& a;

  template <int kRows>
  void run() const {
    // Vectors of lanes side by side: one after the other, memory waits while a tile is read again. AVX2 on Zen 4 gains
    // a sixth.
    constexpr int kAll = kTileRows / Isa::kLanes, kVectors = kAll * kRows <= 4 ? kAll : 1;
    for (std::int64_t tile = a.first_tile; tile < a.last_tile; ++tile) {
      for (int lane = 0; lane < kTileRows && tile * kTileRows + lane < a.weight.rows; lane += kVectors * Isa::kLanes) {
        multiply<kRows, kVectors>(tile, lane);
      }
    }
  }

 private:
  template <int kRows, int kVectors>
  GALAGO_INLINE void multiply(std::int64_t tile, int lane) const {
    using Weights = Int8Weights<Isa, kKind>;
    const WeightTile source = weight_tile(a.weight, tile);
    const std::int64_t blocks = a.weight.cols / kQuantGroup;
    const QuantBlock* x = a.quantized + a.first_row * a.quantized_stride;
    typename Isa::F32 acc[kVectors][kRows];
    GALAGO_UNROLL
    for (int i = 0; i < kVectors * kRows; ++i) acc[i / kRows][i % kRows] = Isa::zero();
    for (std::int64_t block = 0; block < blocks; ++block, ++x) {
      prefetch_ahead<Isa, Weights::Layout::kStep>(source.data + block * Weights::Layout::kStep);
      GALAGO_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        Weights(source, block, lane + v * Isa::kLanes).accumulate(acc[v], x, a.quantized_stride);
      }
    }
    GALAGO_UNROLL
    for (int i = 0; i < kVectors * kRows; ++i) {
      const int row = i % kRows, vector = i / kRows;
      const std::int64_t column = tile * kTileRows + lane + vector * Isa::kLanes;
      if (column < a.weight.rows) store_output<Isa>(a, a.first_row + row, column, acc[vector][row]);
    }
  }
};

// Rows that Int8FewRows takes. Formats that few files have are not worth its copies for more than one.
template <class Isa>
constexpr int few_rows(WeightKind kind) {
  switch (kind) {
    case WeightKind::kQ8_0:
    case WeightKind::kQ4_0:
    case WeightKind::kQ4_1:
    case WeightKind::kQ3_K:
    case WeightKind::kQ4_K:
    case WeightKind::kQ5_K:
    case WeightKind::kQ6_K:
    case WeightKind::kIQ4_XS:
    case WeightKind::kMXFP4: return Isa::kIntRows;
    default: return 1;
  }
}

// sums (rows, kLanes) += the blocks of a panel times rows of x.
template <class Isa, class Block>
struct Int8Panel {
  const Block* panel;
  std::int64_t blocks;
  const QuantBlock* x;
  std::int64_t stride;
  float* sums;

  template <int kRows>
  void run() const {
    typename Isa::F32 acc[kRows];
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) acc[r] = Isa::load(sums + r * Isa::kLanes);
    for (std::int64_t block = 0; block < blocks; ++block) panel[block].accumulate(acc, x + block, stride);
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) Isa::store(sums + r * Isa::kLanes, acc[r]);
  }

  GALAGO_INLINE Int8Panel from(std::int64_t row) const {
    return {panel, blocks, x + row * stride, stride, sums + row * Isa::kLanes};
  }
};

constexpr std::int64_t kInt8PanelBlocks = 16;  // 10 KiB of unpacked weights a tile
constexpr std::int64_t kInt8PanelRows = 264;   // that share them; their sums take 16 KiB a tile

// Block `block` of the lanes of output columns from `column` on.
template <class Isa, WeightKind kKind>
GALAGO_INLINE Int8Weights<Isa, kKind> unpack(const LinearArgs& a, std::int64_t column, std::int64_t block) {
  using Weights = Int8Weights<Isa, kKind>;
  return Weights(weight_tile(a.weight, column / kTileRows), block, static_cast<int>(column % kTileRows));
}

// The same for the lanes of Wide: Isa itself, or one that takes twice as many.
template <class Isa, class Wide, WeightKind kKind>
GALAGO_INLINE auto unpack_lanes(const LinearArgs& a, std::int64_t column, std::int64_t block) {
  if constexpr (Wide::kLanes == Isa::kLanes) {
    return typename Int8Weights<Isa, kKind>::Block(unpack<Isa, kKind>(a, column, block));
  } else {
    return Wide::join(unpack<Isa, kKind>(a, column, block), unpack<Isa, kKind>(a, column + Isa::kLanes, block));
  }
}

// Whether such blocks are multiplied in the lanes of Isa::Wide.
template <class Isa, class Block>
constexpr bool kWidens = requires(const Block& block) { Isa::Wide::join(block, block); };

// Rows [first, last), at most kInt8PanelRows, of the columns of Wide's lanes, whose blocks are unpacked once for all of
// them, a panel at a time.
template <class Isa, class Wide, WeightKind kKind>
void int8_many_rows(const LinearArgs& a, std::int64_t column, std::int64_t first, std::int64_t last) {
  using Block = decltype(unpack_lanes<Isa, Wide, kKind>(a, 0, 0));
  constexpr int kTiles = Wide::kLanes > kTileRows ? Wide::kLanes / kTileRows : 1;
  Block panel[kInt8PanelBlocks];
  alignas(64) float sums[kInt8PanelRows * Wide::kLanes];
  const std::int64_t blocks = a.weight.cols / kQuantGroup, stride = a.quantized_stride, rows = last - first;
  for (std::int64_t i = 0; i < rows * Wide::kLanes; ++i) sums[i] = 0.0f;
  for (std::int64_t block = 0; block < blocks; block += kInt8PanelBlocks) {
    const std::int64_t count = blocks - block < kInt8PanelBlocks ? blocks - block : kInt8PanelBlocks;
    for (std::int64_t i = 0; i < count; ++i) panel[i] = unpack_lanes<Isa, Wide, kKind>(a, column, block + i);
    const QuantBlock* x = a.quantized + first * stride + block;
    PanelAhead ahead = panel_ahead<Isa>(a, column / kTileRows, kTiles, (block + count) * kQuantGroup,
                                        kInt8PanelBlocks * kQuantGroup, rows / Wide::kIntRows + 1);
    const Int8Panel<Wide, Block> all{panel, count, x, stride, sums};
    for_rows<Wide, Wide::kIntRows>(rows, ReadingAhead{all, &ahead});
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    prefetch_output<Isa>(a, first + r, column, Wide::kLanes);
    for (int lane = 0; lane < Wide::kLanes; lane += Isa::kLanes) {
      store_output<Isa>(a, first + r, column + lane, Isa::load(sums + r * Wide::kLanes + lane));
    }
  }
}

// Rows [first, last) of output columns [column, end), whole steps of Wide's lanes; the column behind them.
template <class Isa, class Wide, WeightKind kKind>
std::int64_t int8_columns(const LinearArgs& a, std::int64_t column, std::int64_t end, std::int64_t first,
                          std::int64_t last) {
  for (; column + Wide::kLanes <= end; column += Wide::kLanes) {
    int8_many_rows<Isa, Wide, kKind>(a, column, first, last);
  }
  return column;
}

// Rows whose activations stay in half a megabyte of L2 while all tiles pass over them: the rows in equal parts.
template <class Isa>
GALAGO_INLINE std::int64_t int8_row_step(std::int64_t rows, std::int64_t row_bytes) {
  constexpr std::int64_t kL2Bytes = 512 * 1024;
  std::int64_t most = kL2Bytes / (row_bytes > 0 ? row_bytes : 1);
  if (most < 32) most = 32;
  if (most > kInt8PanelRows) most = kInt8PanelRows;
  return equal_rows<Isa, Isa::kIntRows>(rows, most);
}

template <class Isa, WeightKind kKind>
void linear_int8_kind(const LinearArgs& a) {
  constexpr int kFewRows = few_rows<Isa>(kKind);
  const std::int64_t rows = a.last_row - a.first_row;
  if (rows <= 0) return;
  if (rows <= kFewRows) return for_count<Isa, kFewRows>(static_cast<int>(rows), Int8FewRows<Isa, kKind>{a});
  const std::int64_t row_bytes = a.weight.cols / kQuantGroup * static_cast<std::int64_t>(sizeof(QuantBlock));
  const std::int64_t step = int8_row_step<Isa>(rows, row_bytes);
  const std::int64_t used = (a.weight.rows + Isa::kLanes - 1) / Isa::kLanes * Isa::kLanes;
  const std::int64_t end = a.last_tile * kTileRows < used ? a.last_tile * kTileRows : used;
  for (std::int64_t row = a.first_row; row < a.last_row; row += step) {
    const std::int64_t last = row + step < a.last_row ? row + step : a.last_row;
    std::int64_t column = a.first_tile * kTileRows;
    if constexpr (kWidens<Isa, typename Int8Weights<Isa, kKind>::Block>) {
      if (last - row > Isa::kIntRows) column = int8_columns<Isa, typename Isa::Wide, kKind>(a, column, end, row, last);
    }
    int8_columns<Isa, Isa, kKind>(a, column, end, row, last);
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
