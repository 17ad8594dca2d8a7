// y[t, h] = softmax(scale * q[t, h] K^T) V over rows of this call, without state: vision towers and text encoders.
// q: f32 (n, heads, k_dim)   k: f32 (m, kv_heads, k_dim)   v: f32 (m, kv_heads, v_dim)   y: f32 (n, heads, v_dim)
// query_segment: i32 (n) and key_segment: i32 (m), both or neither: a query sees the keys of its own segment (pictures,
// windows; -1 hides a key, such as padding). A query that sees no key gives zeros.
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct DenseAttention {
  static constexpr std::string_view kName = "dense_attention";
  float scale = 1.0f;
  bool causal = false;  // a query sees no key after its own row

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

}  // namespace galago::ops
