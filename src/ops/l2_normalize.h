// y = x / max(sqrt(sum(x * x)), eps)      x, y: f32 (..., dim)
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct L2Normalize {
  static constexpr std::string_view kName = "l2_normalize";
  float eps = 1e-12f;

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
