// y = a + b      a, y: f32, any shape   b: f32, the same shape or its last dims (a bias, a position table)
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Add {
  static constexpr std::string_view kName = "add";

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
