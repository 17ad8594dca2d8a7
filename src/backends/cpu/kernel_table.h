// The kernels of every instruction set built in, and the choice of one for this machine.
#pragma once

#include <span>

#include "backends/cpu/kernel_functions.h"
#include "galago/result.h"

namespace galago::cpu {

// The tables this machine can run, slowest first; never empty (scalar runs everywhere).
std::span<const KernelTable* const> available_kernels();

// `base` with what matrix units add to it.
KernelTable with_tiles(const KernelTable& base, const TileKernels& tiles);

// The fastest table, or the one $GALAGO_ISA names; an unknown or unsupported name is an error that lists the possible.
Result<const KernelTable*> choose_kernels();

}  // namespace galago::cpu
