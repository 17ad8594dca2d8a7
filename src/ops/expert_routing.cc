#include "ops/expert_routing.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/try.h"

namespace galago::ops {
namespace {

using Scores = std::array<float, kMaxExperts>;

bool is_better(float a, float b) { return a > b || (std::isnan(a) && !std::isnan(b)); }

float logistic(float x) { return static_cast<float>(1.0 / (1.0 + std::exp(-double{x}))); }

// out[i] = exp(x[i] - largest) / sum. May work in place.
void softmax_of(std::span<const float> x, float* out) {
  float largest = x[0];
  for (const float value : x) largest = std::max(largest, value);
  double sum = 0.0;
  for (const float value : x) sum += std::exp(double{value} - double{largest});
  for (std::size_t i = 0; i < x.size(); ++i) {
    out[i] = static_cast<float>(std::exp(double{x[i]} - double{largest}) / sum);
  }
}

// Numbers of the `count` best of `keys` for which allowed(i), best first; there are at least so many. `taken` is
// all false.
template <class Allowed>
void find_best(std::span<const float> keys, int count, bool* taken, std::int32_t* best, Allowed allowed) {
  for (int rank = 0; rank < count; ++rank) {
    std::int32_t found = -1;
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(keys.size()); ++i) {
      if (taken[i] || !allowed(i)) continue;
      if (found < 0 || is_better(keys[static_cast<std::size_t>(i)], keys[static_cast<std::size_t>(found)])) found = i;
    }
    taken[found] = true;
    best[rank] = found;
  }
}

}  // namespace

std::string_view to_string(ExpertScore score) {
  switch (score) {
    case ExpertScore::kSoftmax: return "softmax";
    case ExpertScore::kSoftmaxOfChosen: return "softmax_of_chosen";
    case ExpertScore::kSigmoid: return "sigmoid";
  }
  return "unknown";
}

void ExpertRouting::fields(FieldVisitor& visit) const {
  visit("score", to_string(score));
  visit("experts_per_token", experts_per_token);
  visit("normalize", normalize);
  visit("scale", scale);
  if (n_groups == 1) return;
  visit("n_groups", n_groups);
  visit("groups_per_token", groups_per_token);
  visit("best_of_group", best_of_group);
}

Status ExpertRouting::check(std::string_view op, std::int64_t n_experts) const {
  const auto within = [&](std::string_view field, std::int64_t value, std::int64_t most, std::string_view what) {
    if (value >= 1 && value <= most) return Status();
    return Status(
        error(ErrorCode::kInvalidArgument, "{}: {} is {}; expected 1 to {}, {}", op, field, value, most, what));
  };
  GALAGO_CHECK(within("the number of experts", n_experts, kMaxExperts, "what routing keeps on the stack"));
  GALAGO_CHECK(within("experts_per_token", experts_per_token, n_experts, "the number of experts"));
  GALAGO_CHECK(within("n_groups", n_groups, n_experts, "the number of experts"));
  if (n_experts % n_groups != 0) {
    return error(ErrorCode::kInvalidArgument, "{}: n_groups is {}; expected a divisor of the {} experts", op, n_groups,
                 n_experts);
  }
  GALAGO_CHECK(within("groups_per_token", groups_per_token, n_groups, "n_groups"));
  GALAGO_CHECK(within("best_of_group", best_of_group, n_experts / n_groups, "the experts of a group"));
  return within("experts_per_token", experts_per_token, n_experts / n_groups * groups_per_token,
                "the experts of groups_per_token groups");
}

void ExpertRouting::choose(std::span<const float> logits, const float* selection_bias, std::int32_t* experts,
                           float* weights) const {
  const std::size_t n = logits.size();
  Scores scores, keys;
  std::copy(logits.begin(), logits.end(), scores.begin());
  if (score == ExpertScore::kSoftmax) softmax_of(logits, scores.data());
  if (score == ExpertScore::kSigmoid) std::transform(logits.begin(), logits.end(), scores.begin(), logistic);
  // A softmax keeps the order of logits, and scores that round to the same number are still told apart by them.
  const bool by_logits = score == ExpertScore::kSoftmax && selection_bias == nullptr && best_of_group == 1;
  for (std::size_t i = 0; i < n; ++i) {
    keys[i] = by_logits ? logits[i] : selection_bias != nullptr ? scores[i] + selection_bias[i] : scores[i];
  }

  std::array<bool, kMaxExperts> taken{}, group_taken{};
  const auto group_size = static_cast<std::int32_t>(n / static_cast<std::size_t>(n_groups));
  if (n_groups > 1) {
    Scores of_groups;
    std::array<std::int32_t, kMaxExperts> best;
    for (std::int32_t group = 0; group < n_groups; ++group) {
      std::array<bool, kMaxExperts> counted{};
      const std::span<const float> members(keys.data() + group * group_size, static_cast<std::size_t>(group_size));
      find_best(members, best_of_group, counted.data(), best.data(), [](std::int32_t) { return true; });
      float sum = members[static_cast<std::size_t>(best[0])];
      for (int i = 1; i < best_of_group; ++i)
        sum += members[static_cast<std::size_t>(best[static_cast<std::size_t>(i)])];
      of_groups[static_cast<std::size_t>(group)] = sum;
    }
    find_best({of_groups.data(), static_cast<std::size_t>(n_groups)}, groups_per_token, group_taken.data(), best.data(),
              [](std::int32_t) { return true; });
  }
  find_best({keys.data(), n}, experts_per_token, taken.data(), experts,
            [&](std::int32_t i) { return n_groups == 1 || group_taken[static_cast<std::size_t>(i / group_size)]; });

  const auto count = static_cast<std::size_t>(experts_per_token);
  for (std::size_t i = 0; i < count; ++i) weights[i] = scores[static_cast<std::size_t>(experts[i])];
  if (score == ExpertScore::kSoftmaxOfChosen) softmax_of({weights, count}, weights);
  float divisor = 1.0f;
  if (normalize) {
    float sum = 0.0f;
    for (std::size_t i = 0; i < count; ++i) sum += weights[i];
    divisor = sum + 1e-20f;  // as DeepSeek-V3: the sum of sigmoids may be 0
  }
  for (std::size_t i = 0; i < count; ++i) weights[i] = weights[i] / divisor * scale;
}

}  // namespace galago::ops
