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

// kRows rows of x against one tile; every unpacked block serves all of them.
template <class Isa, WeightKind kKind, int kRows>
void int8_tile(const LinearArgs& a, std::int64_t tile, std::int64_t row) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(a.weight.data) + tile * a.weight.tile_bytes;
  const std::int64_t blocks = a.weight.cols / kQuantGroup, stride = a.quantized_stride;
  for (int lane = 0; lane < kTileRows; lane += Isa::kLanes) {
    const std::int64_t column = tile * kTileRows + lane;
    if (column >= a.weight.rows) return;
    typename Isa::F32 acc[kRows];
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) acc[r] = Isa::zero();
    const QuantBlock* x = a.quantized + row * stride;
    for (std::int64_t block = 0; block < blocks; ++block, ++x) {
      if constexpr (kRows <= 4)
        prefetch_ahead<Int8Weights<Isa, kKind>::kStep>(data + block * Int8Weights<Isa, kKind>::kStep);
      const Int8Weights<Isa, kKind> w(data, block, lane);
      w.accumulate(acc, x, stride);
    }
    GALAGO_UNROLL
    for (int r = 0; r < kRows; ++r) store_output<Isa>(a, row + r, column, acc[r]);
  }
}

// Rows [first, last) of one tile, in steps of kRows, then of half as many.
template <class Isa, WeightKind kKind, int kRows>
void int8_rows(const LinearArgs& a, std::int64_t tile, std::int64_t first, std::int64_t last) {
  for (; first + kRows <= last; first += kRows) int8_tile<Isa, kKind, kRows>(a, tile, first);
  if constexpr (kRows > 1) {
    if (first < last) int8_rows<Isa, kKind, kRows / 2>(a, tile, first, last);
  }
}

template <class Isa, WeightKind kKind>
void linear_int8_kind(const LinearArgs& a) {
  // Rows whose activations stay in half a megabyte of L2 while all tiles pass over them.
  constexpr std::int64_t kPanelBytes = 512 * 1024;
  const std::int64_t row_bytes = a.weight.cols / kQuantGroup * static_cast<std::int64_t>(sizeof(QuantBlock));
  std::int64_t panel = kPanelBytes / (row_bytes > 0 ? row_bytes : 1) / Isa::kIntRows * Isa::kIntRows;
  if (panel < 4 * Isa::kIntRows) panel = 4 * Isa::kIntRows;
  for (std::int64_t row = a.first_row; row < a.last_row; row += panel) {
    const std::int64_t last = row + panel < a.last_row ? row + panel : a.last_row;
    for (std::int64_t tile = a.first_tile; tile < a.last_tile; ++tile) {
      int8_rows<Isa, kKind, Isa::kIntRows>(a, tile, row, last);
    }
  }
}

template <class Isa>
void linear_int8(const LinearArgs& a) {
  switch (a.weight.kind) {
    case WeightKind::kQ8_0: return linear_int8_kind<Isa, WeightKind::kQ8_0>(a);
    case WeightKind::kQ4_0: return linear_int8_kind<Isa, WeightKind::kQ4_0>(a);
    case WeightKind::kQ4_1: return linear_int8_kind<Isa, WeightKind::kQ4_1>(a);
    case WeightKind::kQ5_0: return linear_int8_kind<Isa, WeightKind::kQ5_0>(a);
    case WeightKind::kQ5_1: return linear_int8_kind<Isa, WeightKind::kQ5_1>(a);
    case WeightKind::kQ4_K: return linear_int8_kind<Isa, WeightKind::kQ4_K>(a);
    case WeightKind::kQ5_K: return linear_int8_kind<Isa, WeightKind::kQ5_K>(a);
    case WeightKind::kQ6_K: return linear_int8_kind<Isa, WeightKind::kQ6_K>(a);
    case WeightKind::kRows:
    case WeightKind::kF32:
    case WeightKind::kF16:
    case WeightKind::kBF16: return;  // takes_int8() says no
  }
}

}  // namespace galago::cpu
