// Rotates pairs of the first 2 * n_pairs elements of each head by angle = position * inv_freq[pair]; the rest passes.
// x, y: f32 (tokens, heads, head_dim)   positions: i32 (axes, tokens)   inv_freq: f32 (n_pairs)      [Su et al. 2021]
// Angles are float32 products, as transformers computes them. cos and sin are scaled by attention_factor (YaRN).
// With several axes (M-RoPE), pair p takes the axis whose section of `sections` it falls in.
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct Rope {
  static constexpr std::string_view kName = "rope";
  bool interleaved = false;  // pairs (2i, 2i + 1) instead of (i, i + n_pairs)
  float attention_factor = 1.0f;
  std::vector<std::int64_t> sections;  // pairs of each axis; empty: one axis

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

Tensor rope(const Tensor& x, const Tensor& positions, const Tensor& inv_freq, const Rope& op);

}  // namespace galago::ops
