#include "backends/cpu/isa/dotprod/simd.h"
#include "backends/cpu/kernels/table.inl.h"

namespace galago::cpu::dotprod {

extern const KernelTable kKernels;
constinit const KernelTable kKernels = kernel_table<Isa>();

}  // namespace galago::cpu::dotprod
