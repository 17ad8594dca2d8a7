// Joins tensors along an axis; all other dims are equal.
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Concat {
  static constexpr std::string_view kName = "concat";
  int axis = 0;

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
