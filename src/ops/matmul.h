// y = a b^T      a: f32 (m, k)   b: f32 (n, k)   y: f32 (m, n)      Both are activations; weights use Linear.
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct MatMul {
  static constexpr std::string_view kName = "matmul";

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
