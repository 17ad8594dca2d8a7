#include "backends/cpu/isa/bf16/simd.h"
#include "backends/cpu/kernels/table.inl.h"

namespace galago::cpu::bf16 {

extern const KernelTable kKernels;
constinit const KernelTable kKernels = kernel_table<Isa>();

}  // namespace galago::cpu::bf16
