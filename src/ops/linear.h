// y = x W^T + bias      x: f32 (..., in)   W: (out, in), any element type   bias: f32 (out), optional   y: f32 (...,
// out)
#pragma once

#include <array>

#include "ops/op.h"

namespace galago::ops {

struct Linear {
  static constexpr std::string_view kName = "linear";
  static constexpr std::array<std::size_t, 1> kWeightInputs = {1};

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
