#include "backends/cpu/isa/neon/simd.h"
#include "backends/cpu/kernels/table.inl.h"

namespace galago::cpu::neon {

extern const KernelTable kKernels;
constinit const KernelTable kKernels = kernel_table<Isa>();

}  // namespace galago::cpu::neon
