#include "backends/cpu/isa/amx/simd.h"
#include "backends/cpu/kernels/tile_table.inl.h"

namespace galago::cpu::amx {

extern const TileKernels kKernels;
constinit const TileKernels kKernels = tile_kernels<Isa>();

}  // namespace galago::cpu::amx
