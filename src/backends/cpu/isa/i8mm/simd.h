// NEON with i8mm (Neoverse V1 and N2, Cortex-A710 and X2, Apple M2, and later).
#pragma once

#include "backends/cpu/isa/i8mm/ops.h"

namespace galago::cpu::i8mm {

struct Isa : I8mmOps<Isa> {
  static constexpr const char* kName = "i8mm";
};

}  // namespace galago::cpu::i8mm
