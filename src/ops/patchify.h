// Cuts a picture into patches, row by row of the grid, each flattened as (channels, height, width): what turns a
// convolution whose stride is its kernel into a Linear.
// x: f32 (channels, H, W)   y: f32 (H / height * (W / width), channels * height * width)      Remainders are cut off.
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Patchify {
  static constexpr std::string_view kName = "patchify";
  int height = 0;
  int width = 0;

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
