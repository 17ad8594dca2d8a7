#include "backends/cpu/isa/avx512_bf16/simd.h"
#include "backends/cpu/kernels/tile_table.inl.h"

namespace galago::cpu::avx512_bf16 {

extern const TileKernels kKernels;
constinit const TileKernels kKernels = tile_kernels<Isa>();

}  // namespace galago::cpu::avx512_bf16
