// y = exp(x - max(x)) / sum(exp(x - max(x))) over the last dim      x, y: f32 (..., dim)
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Softmax {
  static constexpr std::string_view kName = "softmax";

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
