// The kernels that use the matrix units of one Isa.
#pragma once

#include "backends/cpu/kernel_functions.h"
#include "backends/cpu/kernels/linear_bf16.inl.h"

namespace galago::cpu {

template <class Isa>
constexpr TileKernels tile_kernels() {
  return {.isa = Isa::kName,
          .bf16_tiles = Isa::Tiles::kServes,
          .narrow_rows = narrow_rows<Isa>,
          .linear_bf16 = linear_bf16<Isa>,
          .multiply_rightly = tiles_multiply<Isa>};
}

}  // namespace galago::cpu
