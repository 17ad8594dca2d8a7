// The grids of iq1, iq2 and iq3 as the kernels read them: one word an entry, which a lane gathers.
#pragma once

#include <cstdint>

#include "backends/cpu/kernel_args.h"

namespace galago::cpu {

// Null for kinds without a grid. An entry of 8 levels has level k in byte k % 4, in the low nibble for k < 4; one of 4
// levels has level k in byte k.
const std::uint32_t* grid_table(WeightKind kind);

}  // namespace galago::cpu
