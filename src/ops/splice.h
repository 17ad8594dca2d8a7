// y[t] = index[t] < 0 ? x[t] : rows[index[t]]      x, y: f32 (tokens, dim)   rows: f32 (n, dim)   index: i32 (tokens)
// Puts the embeddings of pictures and sounds between those of tokens.
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Splice {
  static constexpr std::string_view kName = "splice";

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
