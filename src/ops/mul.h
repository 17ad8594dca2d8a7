// y = a * b, element by element      a, y: f32, any shape   b: f32, the same shape or its last dims
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Mul {
  static constexpr std::string_view kName = "mul";

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
