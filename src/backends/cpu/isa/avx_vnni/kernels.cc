#include "backends/cpu/isa/avx_vnni/simd.h"
#include "backends/cpu/kernels/table.inl.h"

namespace galago::cpu::avx_vnni {

extern const KernelTable kKernels;
constinit const KernelTable kKernels = kernel_table<Isa>();

}  // namespace galago::cpu::avx_vnni
