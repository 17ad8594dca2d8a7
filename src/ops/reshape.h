// y = x with other sizes and the same number of elements, in the same order.
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Reshape {
  static constexpr std::string_view kName = "reshape";
  Shape shape;
  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
