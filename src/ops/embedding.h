// y[t] = table[ids[t]]      ids: i32 (tokens)   table: (vocab, dim), any element type   y: f32 (tokens, dim)
// An id outside the table is an error; the runtime checks ids before a step.
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Embedding {
  static constexpr std::string_view kName = "embedding";

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
