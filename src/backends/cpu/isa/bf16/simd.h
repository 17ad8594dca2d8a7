// NEON with i8mm and bf16: bfmmla for many rows, the dots of bytes for few.
#pragma once

#include "backends/cpu/isa/i8mm/ops.h"
#include "backends/cpu/tiles/bfmmla.h"

namespace galago::cpu::bf16 {

struct Isa : I8mmOps<Isa> {
  static constexpr const char* kName = "bf16";
  using Tiles = BfmmlaTiles<Isa>;
};

}  // namespace galago::cpu::bf16
