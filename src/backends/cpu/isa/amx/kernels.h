// What the dispatch asks of the AMX unit.
#pragma once

#include "backends/cpu/kernel_args.h"

namespace galago::cpu::amx {

extern const KernelTable kKernels;

// One product of known numbers in tiles, compared with plain loops: a machine whose tiles do not do what this unit
// expects of them falls back to AVX-512. Only after request_amx().
bool tiles_multiply();

}  // namespace galago::cpu::amx
