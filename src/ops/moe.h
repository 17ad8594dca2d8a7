// A mixture of experts: each token goes through some of n_experts gated feed-forward networks, chosen by its router
// logits, and gets their weighted sum.
//
//   y[t] = sum of w[t, e] * (down[e] h + down_bias[e]) over the experts e chosen for t
//   h    = act(g) * (u + up_offset)     g = gate[e] x[t] + gate_bias[e], at most `limit`
//                                       u = up[e] x[t] + up_bias[e], within +-`limit`
//
// x, y: f32 (tokens, hidden)   logits: f32 (tokens, n_experts)
// gate, up: (n_experts, intermediate, hidden)   down: (n_experts, hidden, intermediate)   any element type, as GGUF
// stacks them. What else there is follows in this order:
//   selection_bias: f32 (n_experts), see ExpertRouting::choose()
//   gate_bias, up_bias: f32 (n_experts, intermediate)   down_bias: f32 (n_experts, hidden)       (gpt-oss)
// Shared experts are an ordinary gated feed-forward network beside it.
#pragma once

#include <array>

#include "ops/expert_routing.h"
#include "ops/unary.h"

namespace galago::ops {

struct Moe {
  static constexpr std::string_view kName = "moe";
  ExpertRouting routing;
  UnaryKind activation = UnaryKind::kSilu;
  float limit = 0.0f;  // 0: none. gpt-oss: 7, with up_offset 1 and quick_gelu
  float up_offset = 0.0f;
  bool has_selection_bias = false;
  bool has_biases = false;

  // The numbers of the inputs; of the last two only of what there is.
  static constexpr std::size_t kX = 0, kLogits = 1, kGate = 2, kUp = 3, kDown = 4, kSelectionBias = 5;
  static constexpr std::array<std::size_t, 3> kWeightInputs = {kGate, kUp, kDown};
  std::size_t gate_bias_input() const { return has_selection_bias ? 6 : 5; }  // up's and down's follow

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;
};

// `more` is what follows down.
Tensor moe(const Tensor& x, const Tensor& logits, const Tensor& gate, const Tensor& up, const Tensor& down,
           const Moe& op, std::span<const Tensor> more = {});

}  // namespace galago::ops
