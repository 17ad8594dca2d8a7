// y = x * factor      x, y: f32, any shape
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Scale {
  static constexpr std::string_view kName = "scale";
  float factor = 1.0f;

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
