// AVX-VNNI's kernels with the same instructions in AVX-512's encoding, so that the tests run them on processors that
// have only those. An Isa of its own keeps its symbols apart from the library's.
#include "backends/cpu/isa/avx_vnni/ops.h"
#include "backends/cpu/kernels/table.inl.h"

namespace galago::cpu::avx_vnni_evex {

struct Isa : AvxVnniOps<Isa> {
  static constexpr const char* kName = "avx_vnni_evex";
};

extern const KernelTable kKernels;
constinit const KernelTable kKernels = kernel_table<Isa>();

}  // namespace galago::cpu::avx_vnni_evex
