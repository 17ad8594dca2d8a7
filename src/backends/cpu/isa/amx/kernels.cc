#include "backends/cpu/isa/amx/kernels.h"

#include "backends/cpu/isa/amx/simd.h"
#include "backends/cpu/kernels/table.inl.h"

namespace galago::cpu::amx {

constinit const KernelTable kKernels = kernel_table<Isa>();

bool tiles_multiply() { return cpu::tiles_multiply<Isa>(); }

}  // namespace galago::cpu::amx
