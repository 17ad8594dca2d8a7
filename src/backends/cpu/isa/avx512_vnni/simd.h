// AVX-512 with VNNI.
#pragma once

#include "backends/cpu/isa/avx512_vnni/ops.h"

namespace galago::cpu::avx512_vnni {

struct Isa : Avx512VnniOps<Isa> {
  static constexpr const char* kName = "avx512_vnni";
};

}  // namespace galago::cpu::avx512_vnni
