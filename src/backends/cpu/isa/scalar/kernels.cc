#include "backends/cpu/isa/scalar/simd.h"
#include "backends/cpu/kernels/table.inl.h"

namespace galago::cpu::scalar {

extern const KernelTable kKernels;
constinit const KernelTable kKernels = kernel_table<Isa>();

}  // namespace galago::cpu::scalar
