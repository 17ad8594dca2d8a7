#include "nn/moe.h"

#include <fmt/format.h>

namespace galago::nn {

Moe::Stack::Stack(std::int64_t n_experts, std::int64_t out, std::int64_t in, bool has_bias) {
  matrices = weight("weight", {n_experts, out, in});
  if (has_bias) bias = values("bias", {n_experts, out});
  describe(fmt::format("Experts({} x {} -> {}{})", n_experts, in, out, has_bias ? ", bias" : ""));
}

Moe::Moe(const MoeConfig& config)
    : config_(config),
      gate_(add("gate", Linear(config.hidden_size, config.n_experts, config.router_bias))),
      gate_proj_(add("experts.gate_proj",
                     Stack(config.n_experts, config.intermediate_size, config.hidden_size, config.expert_bias))),
      up_proj_(add("experts.up_proj",
                   Stack(config.n_experts, config.intermediate_size, config.hidden_size, config.expert_bias))),
      down_proj_(add("experts.down_proj",
                     Stack(config.n_experts, config.hidden_size, config.intermediate_size, config.expert_bias))) {
  if (config.selection_bias) selection_bias_ = values("gate.e_score_correction_bias", {config.n_experts});
  describe(fmt::format("Moe({} of {} experts)", config.routing.experts_per_token, config.n_experts));
}

Tensor Moe::operator()(const Tensor& x) const {
  std::vector<Tensor> more;
  if (config_.selection_bias) more.push_back(selection_bias_);
  if (config_.expert_bias) more.insert(more.end(), {gate_proj_.bias, up_proj_.bias, down_proj_.bias});
  return ops::moe(x, gate_(x), gate_proj_.matrices, up_proj_.matrices, down_proj_.matrices,
                  {.routing = config_.routing,
                   .activation = config_.activation,
                   .limit = config_.limit,
                   .up_offset = config_.up_offset,
                   .has_selection_bias = config_.selection_bias,
                   .has_biases = config_.expert_bias},
                  more);
}

}  // namespace galago::nn
