// All kernels of one Isa.
#pragma once

#include "backends/cpu/kernel_functions.h"
#include "backends/cpu/kernels/attention_tiles.inl.h"
#include "backends/cpu/kernels/causal_conv.inl.h"
#include "backends/cpu/kernels/elementwise.inl.h"
#include "backends/cpu/kernels/kv_append.inl.h"
#include "backends/cpu/kernels/linear_f32.inl.h"
#include "backends/cpu/kernels/linear_int8.inl.h"
#include "backends/cpu/kernels/norm.inl.h"
#include "backends/cpu/kernels/rope.inl.h"
#include "backends/cpu/kernels/tile_trials.inl.h"

namespace galago::cpu {

template <class Isa>
constexpr KernelTable kernel_table() {
  static_assert(tiles_fit<Isa>());
  KernelTable table = {.isa = Isa::kName,
                       .quantize_rows = quantize_rows<Isa>,
                       .rms_norm = rms_norm<Isa>,
                       .layer_norm = layer_norm<Isa>,
                       .binary = binary<Isa>,
                       .unary = unary<Isa>,
                       .gated = gated<Isa>,
                       .linear_int8 = linear_int8<Isa>,
                       .linear_f32 = linear_f32<Isa>,
                       .rope = rope<Isa>,
                       .kv_append = kv_append<Isa>,
                       .attention_paged = attention_paged<Isa>,
                       .attention_split = attention_split<Isa>,
                       .attention_merge = attention_merge<Isa>,
                       .attention_dense = attention_dense<Isa>,
                       .causal_conv = causal_conv<Isa>,
                       .int8_trials = Int8Trials<Isa>::kAll,
                       .f32_trials = kF32Trials<Isa>};
  if constexpr (requires { typename Isa::Words; }) {
    using Attention = AttentionInTiles<Isa, typename Isa::Words, true>;
    table.attention_paged_tiles = Attention::paged;
    table.attention_split_tiles = Attention::split;
    table.attention_dense_tiles = Attention::dense;
  }
  return table;
}

}  // namespace galago::cpu
