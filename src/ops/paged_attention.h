// y[t, h] = softmax(scale * q[t, h] K^T) V over the keys of t's sequence up to t's own position, read from a layer's
// paged state; query head h uses key head h / (heads / kv_heads).
// q: f32 (tokens, heads, k_dim)   y: f32 (tokens, heads, v_dim)
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct PagedAttention {
  static constexpr std::string_view kName = "paged_attention";
  int state = 0;  // the number of the Paged state
  int kv_heads = 0;
  int v_dim = 0;
  float scale = 1.0f;
  int window = 0;         // a row sees this many keys, its own the last; 0: all
  float soft_cap = 0.0f;  // scores become soft_cap * tanh(score / soft_cap); 0: none

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

// `step` may be nullptr while tracing.
Tensor paged_attention(const Tensor& q, const PagedAttention& op, const StepView* step);

}  // namespace galago::ops
