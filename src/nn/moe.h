// A mixture of experts: a router and stacked gated networks.
#pragma once

#include "galago/nn.h"
#include "nn/activation.h"
#include "ops/moe.h"

namespace galago::nn {

struct MoeConfig {
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;  // of one expert
  std::int64_t n_experts = 0;
  ops::ExpertRouting routing;
  Activation activation = Activation::kSilu;
  float limit = 0.0f;  // see ops::Moe; so is up_offset
  float up_offset = 0.0f;
  bool router_bias = false;
  bool selection_bias = false;
  bool expert_bias = false;
};

// y = the experts' weighted sum. Shared experts are a GatedMlp beside it.
//   gate.weight (n_experts, hidden_size), gate.bias, gate.e_score_correction_bias (n_experts): the router
//   experts.gate_proj.weight, experts.up_proj.weight (n_experts, intermediate_size, hidden_size),
//   experts.down_proj.weight (n_experts, hidden_size, intermediate_size); their biases without the last dim
// Checkpoints with a tensor for each expert have to be stacked by whoever names their tensors.
class Moe : public Module {
 public:
  explicit Moe(const MoeConfig& config);
  // x, y: (tokens, hidden_size)
  Tensor operator()(const Tensor& x) const;

 private:
  // One of the three projections of all experts.
  class Stack : public Module {
   public:
    Stack(std::int64_t n_experts, std::int64_t out, std::int64_t in, bool bias);
    Parameter matrices, bias;
  };

  MoeConfig config_;
  Linear gate_;
  Parameter selection_bias_;
  Stack gate_proj_, up_proj_, down_proj_;
};

}  // namespace galago::nn
