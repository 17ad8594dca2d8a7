#include "backends/cpu/isa/avx512/simd.h"
#include "backends/cpu/kernels/table.inl.h"

namespace galago::cpu::avx512 {

extern const KernelTable kKernels;
constinit const KernelTable kKernels = kernel_table<Isa>();

}  // namespace galago::cpu::avx512
