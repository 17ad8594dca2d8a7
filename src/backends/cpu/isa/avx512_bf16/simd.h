// AVX-512 with VNNI and BF16, without AMX (Zen 4 and 5, Cooper Lake): vdpbf16ps for many rows of float weights.
#pragma once

#include "backends/cpu/isa/avx512_vnni/ops.h"
#include "backends/cpu/tiles/vdpbf16.h"

namespace galago::cpu::avx512_bf16 {

struct Isa : Avx512VnniOps<Isa> {
  static constexpr const char* kName = "avx512_bf16";
  using Tiles = Vdpbf16Tiles<Isa>;
};

}  // namespace galago::cpu::avx512_bf16
