#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cpu/isa/amx/kernels.h"
#include "backends/cpu/kernel_table.h"
#include "base/cpu_features.h"
#include "base/error.h"

namespace galago::cpu {

namespace scalar {
extern const KernelTable kKernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const KernelTable kKernels;
}
namespace avx512 {
extern const KernelTable kKernels;
}
namespace avx512_vnni {
extern const KernelTable kKernels;
}
#endif

namespace {

std::vector<const KernelTable*> find_kernels() {
  std::vector<const KernelTable*> tables = {&scalar::kKernels};
#if defined(__x86_64__)
  const CpuFeatures& cpu = cpu_features();
  const bool avx2 = cpu.avx2 && cpu.fma && cpu.f16c;
  const bool avx512 = avx2 && cpu.avx512f && cpu.avx512bw && cpu.avx512vl && cpu.avx512dq;
  if (avx2) tables.push_back(&avx2::kKernels);
  if (avx512) tables.push_back(&avx512::kKernels);
  const bool vnni = avx512 && cpu.avx512_vnni;
  if (vnni) tables.push_back(&avx512_vnni::kKernels);
  if (vnni && cpu.avx512_bf16 && cpu.amx_bf16 && request_amx() && amx::tiles_multiply())
    tables.push_back(&amx::kKernels);
#endif
  return tables;
}

}  // namespace

std::span<const KernelTable* const> available_kernels() {
  static const std::vector<const KernelTable*> tables = find_kernels();
  return tables;
}

Result<const KernelTable*> choose_kernels() {
  const std::span<const KernelTable* const> tables = available_kernels();
  const char* wanted = std::getenv("GALAGO_ISA");
  if (wanted == nullptr || *wanted == '\0') return tables.back();
  std::string names;
  for (const KernelTable* table : tables) {
    if (std::string_view(wanted) == table->isa) return table;
    names += (names.empty() ? "" : ", ") + std::string(table->isa);
  }
  return error(ErrorCode::kInvalidArgument, "GALAGO_ISA={}: not an instruction set of this machine, which has {}",
               wanted, names);
}

}  // namespace galago::cpu
