// Writes the keys and values of a step's rows to their places in a layer's paged or static state. No output.
// k: f32 (tokens, heads, k_dim)   v: f32 (tokens, heads, v_dim), or left out: the values are a view of the keys
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct KvAppend {
  static constexpr std::string_view kName = "kv_append";
  int state = 0;  // the number of the Paged or Static state

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

// Fails with the error of k or v when they have one. `step` may be nullptr while tracing.
Status kv_append(const Tensor& k, const Tensor& v, int state, const StepView* step);
// Keys alone, whose first elements are the values.
Status kv_append(const Tensor& k, int state, const StepView* step);

}  // namespace galago::ops
