#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cpu/isa/amx/kernels.h"
#include "backends/cpu/kernel_table.h"
#include "base/cpu_features.h"
#include "base/error.h"

namespace galago::cpu {

#define GALAGO_KERNELS(isa)          \
  namespace isa {                    \
  extern const KernelTable kKernels; \
  }
GALAGO_KERNELS(scalar)
#if defined(__x86_64__)  // and amx, in its kernels.h
GALAGO_KERNELS(avx2)
GALAGO_KERNELS(avx_vnni)
GALAGO_KERNELS(avx512)
GALAGO_KERNELS(avx512_vnni)
#elif defined(__aarch64__)
GALAGO_KERNELS(neon)
GALAGO_KERNELS(dotprod)
GALAGO_KERNELS(i8mm)
GALAGO_KERNELS(bf16)
#endif
#undef GALAGO_KERNELS

namespace {

std::vector<const KernelTable*> find_kernels() {
  std::vector<const KernelTable*> tables = {&scalar::kKernels};
  [[maybe_unused]] const CpuFeatures& cpu = cpu_features();
#if defined(__x86_64__)
  const bool avx2 = cpu.avx2 && cpu.fma && cpu.f16c;
  const bool avx512 = avx2 && cpu.avx512f && cpu.avx512bw && cpu.avx512vl && cpu.avx512dq;
  if (avx2) tables.push_back(&avx2::kKernels);
  if (avx2 && cpu.avx_vnni) tables.push_back(&avx_vnni::kKernels);
  if (avx512) tables.push_back(&avx512::kKernels);
  const bool vnni = avx512 && cpu.avx512_vnni;
  if (vnni) tables.push_back(&avx512_vnni::kKernels);
  if (vnni && cpu.avx512_bf16 && cpu.amx_bf16 && request_amx() && amx::tiles_multiply())
    tables.push_back(&amx::kKernels);
#elif defined(__aarch64__)
  const bool dotprod = cpu.neon && cpu.dotprod;
  if (cpu.neon) tables.push_back(&neon::kKernels);
  if (dotprod) tables.push_back(&dotprod::kKernels);
  if (dotprod && cpu.i8mm) tables.push_back(&i8mm::kKernels);
  if (dotprod && cpu.i8mm && cpu.bf16) tables.push_back(&bf16::kKernels);
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
