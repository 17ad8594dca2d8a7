#include "backends/cpu/isa/i8mm/simd.h"
#include "backends/cpu/kernels/table.inl.h"

namespace galago::cpu::i8mm {

extern const KernelTable kKernels;
constinit const KernelTable kKernels = kernel_table<Isa>();

}  // namespace galago::cpu::i8mm
