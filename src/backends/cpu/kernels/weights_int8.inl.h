// Int8Weights of every kind that linear_int8 takes, with the size of its tile blocks checked against packing.
#pragma once

#include "backends/cpu/kernels/weights_codebook.inl.h"
#include "backends/cpu/kernels/weights_grid.inl.h"
#include "backends/cpu/kernels/weights_planes.inl.h"
#include "backends/cpu/kernels/weights_ternary.inl.h"

namespace galago::cpu {

template <class Isa>
constexpr bool layouts_agree() {
  bool agree = true;
#define GALAGO_WEIGHT_KIND(kind, bytes) agree = agree && Int8Weights<Isa, WeightKind::kind>::Layout::kBytes == (bytes);
#include "backends/cpu/weight_kinds.def"
#undef GALAGO_WEIGHT_KIND
  return agree;
}

}  // namespace galago::cpu
