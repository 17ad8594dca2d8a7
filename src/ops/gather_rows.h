// y[i] = x[index[i]]      x: f32 (n, dim)   index: i32 (m)   y: f32 (m, dim)
// Takes the rows whose logits are wanted, or the pooled token of an encoder.
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct GatherRows {
  static constexpr std::string_view kName = "gather_rows";

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
