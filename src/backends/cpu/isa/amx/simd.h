// AMX-BF16 on a processor with AVX-512 VNNI: tiles for many rows, VNNI for few.
#pragma once

#include "backends/cpu/isa/avx512_vnni/ops.h"
#include "backends/cpu/tiles/amx.h"

namespace galago::cpu::amx {

struct Isa : Avx512VnniOps<Isa> {
  static constexpr const char* kName = "amx";
  using Tiles = AmxTiles<Isa>;
};

}  // namespace galago::cpu::amx
