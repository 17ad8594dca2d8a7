// AVX2 with VNNI in its VEX encoding: processors without AVX-512, as of Alder Lake.
#pragma once

#include "backends/cpu/isa/avx_vnni/ops.h"

namespace galago::cpu::avx_vnni {

struct Isa : AvxVnniOps<Isa> {
  static constexpr const char* kName = "avx_vnni";
};

}  // namespace galago::cpu::avx_vnni
