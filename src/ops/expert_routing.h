// Which experts of a mixture a token goes to, and with what weights: from the router's logits to a choice.
//
//   Mixtral, Qwen3-MoE          softmax, normalize
//   Qwen2-MoE, OLMoE            softmax; normalize where norm_topk_prob
//   gpt-oss                     softmax over the chosen
//   DeepSeek-V2                 softmax, scale; n_groups with best_of_group 1 (group_limited_greedy)
//   DeepSeek-V3, GLM-4 MoE      sigmoid with a selection bias, n_groups with best_of_group 2, normalize, scale
#pragma once

#include <cstdint>
#include <span>

#include "ops/op.h"

namespace galago::ops {

inline constexpr std::int64_t kMaxExperts = 1024;  // of a mixture; their scores are kept on the stack

enum class ExpertScore : std::uint8_t {
  kSoftmax,          // over the logits of all experts
  kSoftmaxOfChosen,  // over those of the chosen experts
  kSigmoid,          // each by itself
};

std::string_view to_string(ExpertScore score);

struct ExpertRouting {
  ExpertScore score = ExpertScore::kSoftmax;
  int experts_per_token = 1;
  bool normalize = false;  // the chosen scores are divided by their sum
  float scale = 1.0f;      // of the weights, after that
  // Only experts of the best `groups_per_token` of `n_groups` equal, consecutive groups are chosen. A group is as good
  // as its `best_of_group` best experts together.
  int n_groups = 1;
  int groups_per_token = 1;
  int best_of_group = 1;

  void fields(FieldVisitor& visit) const;
  // Whether such a choice can be made of so many experts. Messages begin with the op's name.
  Status check(std::string_view op, std::int64_t n_experts) const;
  // The chosen experts of one token, best first, and their weights; `experts` and `weights` hold experts_per_token.
  // Of equals the one with the lowest number is better, as torch.topk has it on a CPU where it says anything; NaN is
  // better than any number. `selection_bias` (one for each expert, or null) is added to the scores to choose by, not to
  // the weights. Always gives different experts in range.
  void choose(std::span<const float> logits, const float* selection_bias, std::int32_t* experts, float* weights) const;
};

}  // namespace galago::ops
