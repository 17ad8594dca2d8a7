// AVX-512 with VNNI.
#pragma once

#include "backends/cpu/isa/avx512_vnni/ops.h"
#include "backends/cpu/tiles/vpdpwssd.h"

namespace galago::cpu::avx512_vnni {

struct Isa : Avx512VnniOps<Isa> {
  static constexpr const char* kName = "avx512_vnni";
  using Words = WordTiles<Isa>;
};

}  // namespace galago::cpu::avx512_vnni
