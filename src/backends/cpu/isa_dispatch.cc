#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cpu/kernel_table.h"
#include "base/cpu_features.h"
#include "base/error.h"

namespace galago::cpu {

#define GALAGO_KERNELS(isa, Table) \
  namespace isa {                  \
  extern const Table kKernels;     \
  }
GALAGO_KERNELS(scalar, KernelTable)
#if defined(__x86_64__)
GALAGO_KERNELS(avx2, KernelTable)
#if !defined(GALAGO_FEW_ISAS)
GALAGO_KERNELS(avx_vnni, KernelTable)
GALAGO_KERNELS(avx512, KernelTable)
#endif
GALAGO_KERNELS(avx512_vnni, KernelTable)
GALAGO_KERNELS(avx512_bf16, TileKernels)
GALAGO_KERNELS(amx, TileKernels)
#elif defined(__aarch64__)
GALAGO_KERNELS(neon, KernelTable)
GALAGO_KERNELS(dotprod, KernelTable)
GALAGO_KERNELS(i8mm, KernelTable)
GALAGO_KERNELS(bf16, TileKernels)
#endif
#undef GALAGO_KERNELS

namespace {

std::vector<const KernelTable*> find_kernels() {
  std::vector<const KernelTable*> tables = {&scalar::kKernels};
  [[maybe_unused]] const CpuFeatures& cpu = cpu_features();
#if defined(__x86_64__)
  static const KernelTable bf16_kernels = with_tiles(avx512_vnni::kKernels, avx512_bf16::kKernels);
  static const KernelTable amx_kernels = with_tiles(avx512_vnni::kKernels, amx::kKernels);
  const bool avx2 = cpu.avx2 && cpu.fma && cpu.f16c;
  const bool avx512 = avx2 && cpu.avx512f && cpu.avx512bw && cpu.avx512vl && cpu.avx512dq;
  const bool vnni = avx512 && cpu.avx512_vnni, bf16 = vnni && cpu.avx512_bf16;
  if (avx2) tables.push_back(&avx2::kKernels);
#if !defined(GALAGO_FEW_ISAS)
  if (avx2 && cpu.avx_vnni) tables.push_back(&avx_vnni::kKernels);
  if (avx512) tables.push_back(&avx512::kKernels);
#endif
  if (vnni) tables.push_back(&avx512_vnni::kKernels);
  if (bf16 && avx512_bf16::kKernels.multiply_rightly()) tables.push_back(&bf16_kernels);
  if (bf16 && cpu.amx_bf16 && request_amx() && amx::kKernels.multiply_rightly()) tables.push_back(&amx_kernels);
#elif defined(__aarch64__)
  static const KernelTable bf16_kernels = with_tiles(i8mm::kKernels, bf16::kKernels);
  const bool dotprod = cpu.neon && cpu.dotprod, i8mm = dotprod && cpu.i8mm;
  if (cpu.neon) tables.push_back(&neon::kKernels);
  if (dotprod) tables.push_back(&dotprod::kKernels);
  if (i8mm) tables.push_back(&i8mm::kKernels);
  if (i8mm && cpu.bf16 && bf16::kKernels.multiply_rightly()) tables.push_back(&bf16_kernels);
#endif
  return tables;
}

}  // namespace

KernelTable with_tiles(const KernelTable& base, const TileKernels& tiles) {
  KernelTable table = base;
  table.isa = tiles.isa;
  table.bf16_tiles = tiles.bf16_tiles;
  table.narrow_rows = tiles.narrow_rows;
  table.linear_bf16 = tiles.linear_bf16;
  if (tiles.attention_paged_tiles != nullptr) {
    table.attention_paged_tiles = tiles.attention_paged_tiles;
    table.attention_split_tiles = tiles.attention_split_tiles;
    table.attention_dense_tiles = tiles.attention_dense_tiles;
  }
  return table;
}

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
