// The instruction sets that tests run on: those of this machine, and those it can stand in for: AVX-VNNI's kernels in
// AVX-512's encoding, and the AMX kernels over a model of their tiles. $GALAGO_TEST_ISAS (names with spaces) leaves
// only those that it names: emulation is slow.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "backends/cpu/kernel_table.h"
#include "base/cpu_features.h"

namespace galago::cpu {

#if defined(__x86_64__)
namespace amx_model {
extern const TileKernels kKernels;
}
namespace avx512_vnni {
extern const KernelTable kKernels;
}
namespace avx_vnni_evex {
extern const KernelTable kKernels;
}
#endif

inline std::vector<const KernelTable*> testable_kernels() {
  std::vector<const KernelTable*> tables(available_kernels().begin(), available_kernels().end());
#if defined(__x86_64__)
#if !defined(GALAGO_FEW_ISAS)
  if (cpu_features().avx512_vnni) tables.push_back(&avx_vnni_evex::kKernels);
#endif
  static const KernelTable amx_kernels = with_tiles(avx512_vnni::kKernels, amx_model::kKernels);
  if (cpu_features().avx512_vnni) tables.push_back(&amx_kernels);
#endif
  if (const char* wanted = std::getenv("GALAGO_TEST_ISAS")) {
    const std::string names = ' ' + std::string(wanted) + ' ';
    std::erase_if(tables, [&](const KernelTable* table) {
      return names.find(' ' + std::string(table->isa) + ' ') == std::string::npos;
    });
  }
  return tables;
}

}  // namespace galago::cpu
