// y[t, h] = softmax(scale * q[t, h] K^T) V over the keys of t's sequence up to t's own position, read from a layer's
// paged state; query head h uses key head h / (heads / kv_heads). In a Static state every row sees all keys.
// q: f32 (tokens, heads, k_dim)   y: f32 (tokens, heads, v_dim)
// What else there is follows q in this order:
//   sinks: f32 (heads), a learned logit of each head that joins its softmax and has no value (gpt-oss)
//   spans: i32 (tokens), t sees the keys before position spans[t] too: those of its picture, say, which all stand in
//   this
//          step. Up to its own position + 1 it changes nothing
//   slopes: f32 (heads), scores grow by slopes[h] * (key's position - t's position)      [ALiBi: Press et al. 2021]
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct PagedAttention {
  static constexpr std::string_view kName = "paged_attention";
  int state = 0;  // the number of the Paged or Static state
  int kv_heads = 0;
  int v_dim = 0;
  float scale = 1.0f;
  int window = 0;               // a row sees this many keys, its own the last; 0: all
  float soft_cap = 0.0f;        // scores become soft_cap * tanh(score / soft_cap); 0: none
  bool values_in_keys = false;  // the state keeps keys alone; values are their first v_dim elements (latent attention)
  bool has_sinks = false;
  bool has_spans = false;
  bool has_slopes = false;

  // The number of the input; only of what there is.
  std::size_t sinks_input() const { return 1; }
  std::size_t spans_input() const { return has_sinks ? 2 : 1; }
  std::size_t slopes_input() const { return spans_input() + (has_spans ? 1 : 0); }

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

// `step` may be nullptr while tracing. `more` is what follows q.
Tensor paged_attention(const Tensor& q, const PagedAttention& op, const StepView* step,
                       std::span<const Tensor> more = {});

}  // namespace galago::ops
