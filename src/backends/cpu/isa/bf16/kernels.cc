#include "backends/cpu/isa/bf16/simd.h"
#include "backends/cpu/kernels/tile_table.inl.h"

namespace galago::cpu::bf16 {

extern const TileKernels kKernels;
constinit const TileKernels kKernels = tile_kernels<Isa>();

}  // namespace galago::cpu::bf16
