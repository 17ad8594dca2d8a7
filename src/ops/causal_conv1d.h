// y[t, c] = act(bias[c] + sum over j of weight[c, j] * x[t - (kernel - 1) + j, c]): each channel by itself, over a
// token and the kernel - 1 before it in its sequence. Those of earlier steps come from a Recurrent state, which holds
// (kernel - 1, channels), the newest row last, and zeros before the sequence's first token.      [Lfm2, Mamba]
// x: f32 (tokens, channels)   weight: f32 (channels, kernel)   bias: f32 (channels), or left out   y: as x
#pragma once

#include "ops/op.h"

namespace galago::ops {

struct CausalConv1d {
  static constexpr std::string_view kName = "causal_conv1d";
  int state = 0;      // the number of the Recurrent state
  bool silu = false;  // y becomes y * sigmoid(y)

  void fields(FieldVisitor& visit) const;
  Result<TensorTypes> infer(std::span<const TensorType> inputs) const;
  Status reference(const ReferenceCall& call) const;

  // Elements of the state of one sequence.
  static std::int64_t state_elements(std::int64_t channels, std::int64_t kernel) { return channels * (kernel - 1); }
};

// `bias` may be an empty Tensor; `step` may be nullptr while tracing.
Tensor causal_conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, const CausalConv1d& op,
                     const StepView* step);

}  // namespace galago::ops
