// The kernels that use the matrix units of one Isa.
#pragma once

#include "backends/cpu/kernel_functions.h"
#include "backends/cpu/kernels/attention_tiles.inl.h"
#include "backends/cpu/kernels/linear_bf16.inl.h"

namespace galago::cpu {

template <class Isa>
constexpr TileKernels tile_kernels() {
  TileKernels kernels = {.isa = Isa::kName,
                         .bf16_tiles = Isa::Tiles::kServes,
                         .narrow_rows = narrow_rows<Isa>,
                         .linear_bf16 = linear_bf16<Isa>,
                         .multiply_rightly = tiles_multiply<Isa>};
  // vdpbf16ps is no faster than vpdpwssd, which rounds less.
  if constexpr (Isa::Tiles::kServes == Bf16Tiles::kAllWeights) {
    using Attention = AttentionInTiles<Isa, typename Isa::Tiles, false>;
    kernels.attention_paged_tiles = Attention::paged;
    kernels.attention_split_tiles = Attention::split;
    kernels.attention_dense_tiles = Attention::dense;
  }
  return kernels;
}

}  // namespace galago::cpu
