// Reading ahead what the next panel of weights is unpacked from, while rows pass over the one before: unpacking had
// waited for half of its lines (Zen 4; 16 rows are a fifth faster, a prompt of 512 4 % by one thread).
#pragma once

#include "backends/cpu/kernels/blocks_int8.inl.h"

namespace galago::cpu {

// The same bytes of neighbouring tiles, asked for in equal parts, of which each pass of rows takes one: at once they
// would hold up whoever asks.
struct PanelAhead {
  const std::uint8_t* at;
  std::int64_t tile_bytes;
  std::int64_t tiles;
  std::int64_t left, part;  // bytes of each tile

  GALAGO_INLINE void advance() {
    for (const std::int64_t end = left - part; left > 0 && left > end; left -= 64, at += 64) {
      for (std::int64_t tile = 0; tile < tiles; ++tile) __builtin_prefetch(at + tile * tile_bytes, 0, 2);
    }
  }
};

// What follows after the k before `k` of `tiles` tiles: their next `panel` k, or the first ones of the tiles behind.
template <class Isa>
GALAGO_INLINE PanelAhead panel_ahead(const LinearArgs& a, std::int64_t tile, std::int64_t tiles, std::int64_t k,
                                     std::int64_t panel, std::int64_t parts) {
  const std::int64_t cols = a.weight.cols, bytes = a.weight.tile_bytes;
  if (k >= cols) {
    k = 0;
    tile += tiles;
    if (tile + tiles > a.last_tile) tiles = tile < a.last_tile ? a.last_tile - tile : 0;
  }
  const std::int64_t last = k + panel < cols ? k + panel : cols, begin = bytes * k / cols;
  const std::int64_t left = tiles > 0 ? bytes * last / cols - begin : 0;
  return {tiles > 0 ? weight_tile(a.weight, tile).data + begin : nullptr, bytes, tiles, left, left / parts + 64};
}

// Rows for for_rows(), each group of which takes a part of what is ahead.
template <class Rows>
struct ReadingAhead {
  Rows rows;
  PanelAhead* ahead;

  GALAGO_INLINE Rows from(std::int64_t row) const {
    ahead->advance();
    return rows.from(row);
  }
};
template <class Rows>
ReadingAhead(Rows, PanelAhead*) -> ReadingAhead<Rows>;

}  // namespace galago::cpu
