#include "ops/expert_routing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

namespace galago::ops {
namespace {

using Experts = std::vector<std::int32_t>;
using Weights = std::vector<float>;

struct Choice {
  Experts experts;
  Weights weights;
};

Choice choice(const ExpertRouting& routing, const Weights& logits, const float* bias = nullptr) {
  Choice made{Experts(static_cast<std::size_t>(routing.experts_per_token), -1),
              Weights(static_cast<std::size_t>(routing.experts_per_token))};
  routing.choose(logits, bias, made.experts.data(), made.weights.data());
  return made;
}

TEST(ExpertRouting, PrefersTheLowestNumberAmongEquals) {
  const ExpertRouting routing{.experts_per_token = 3};
  EXPECT_EQ(choice(routing, {1, 2, 2, 2, 2}).experts, (Experts{1, 2, 3}));
  EXPECT_EQ(choice(routing, {0, 0, 0, 0, 1}).experts, (Experts{4, 0, 1}));
}

TEST(ExpertRouting, TellsLogitsApartWhoseSoftmaxRoundsToTheSame) {
  const ExpertRouting routing{.experts_per_token = 2};
  EXPECT_EQ(choice(routing, {-300, -200, 0, -250}).experts, (Experts{2, 1}));  // three scores are 0
}

TEST(ExpertRouting, MakesWeightsOfScores) {
  const Weights logits = {0.0f, std::log(2.0f), std::log(5.0f)};
  ExpertRouting routing{.experts_per_token = 2};
  const auto expect = [&](float first, float second) {
    const Choice made = choice(routing, logits);
    EXPECT_EQ(made.experts, (Experts{2, 1}));
    EXPECT_NEAR(made.weights[0], first, 1e-6f);
    EXPECT_NEAR(made.weights[1], second, 1e-6f);
  };
  expect(5.0f / 8, 2.0f / 8);
  routing.scale = 2.0f;
  expect(10.0f / 8, 4.0f / 8);
  routing.normalize = true;
  expect(10.0f / 7, 4.0f / 7);
  routing.scale = 1.0f;
  routing.normalize = false;
  routing.score = ExpertScore::kSoftmaxOfChosen;
  expect(5.0f / 7, 2.0f / 7);
  routing.score = ExpertScore::kSigmoid;
  expect(5.0f / 6, 2.0f / 3);
}

TEST(ExpertRouting, ABiasChoosesButWeighsNothing) {
  const ExpertRouting routing{.score = ExpertScore::kSigmoid, .experts_per_token = 1};
  const Weights bias = {0.0f, 0.0f, 1.0f};
  const Choice made = choice(routing, {0.0f, 3.0f, 0.0f}, bias.data());
  EXPECT_EQ(made.experts, Experts{2});
  EXPECT_EQ(made.weights, Weights{0.5f});
}

TEST(ExpertRouting, StaysWithinTheBestGroups) {
  ExpertRouting routing{.experts_per_token = 2, .n_groups = 3, .groups_per_token = 1, .best_of_group = 1};
  const Weights logits = {-2, -1, 9, 0, 6, 5};
  EXPECT_EQ(choice(routing, logits).experts, (Experts{2, 3}));  // (9, 0) has the best expert
  routing.score = ExpertScore::kSigmoid;
  routing.best_of_group = 2;
  EXPECT_EQ(choice(routing, logits).experts, (Experts{4, 5}));  // (6, 5) the best two
  // Even when nothing in the group compares well.
  const float lowest = -std::numeric_limits<float>::infinity();
  const Weights bias = {0, 0, lowest, 0, lowest, lowest};
  EXPECT_EQ(choice(routing, logits, bias.data()).experts, (Experts{1, 0}));
}

TEST(ExpertRouting, ChoosesDifferentExpertsWhateverTheLogits) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  for (const ExpertScore score : {ExpertScore::kSoftmax, ExpertScore::kSoftmaxOfChosen, ExpertScore::kSigmoid}) {
    for (const Weights& logits : {Weights(8, nan), Weights(8, -infinity), Weights(8, infinity),
                                  Weights{nan, 1, -infinity, infinity, nan, 0, -1, 2}}) {
      const ExpertRouting routing{score, 4, true, 1.0f, 4, 2, 2};
      const Choice made = choice(routing, logits);
      EXPECT_EQ(std::set<std::int32_t>(made.experts.begin(), made.experts.end()).size(), 4u);
      EXPECT_GE(*std::min_element(made.experts.begin(), made.experts.end()), 0);
      EXPECT_LT(*std::max_element(made.experts.begin(), made.experts.end()), 8);
    }
  }
  // Sigmoids that are all 0 may be divided by their sum.
  const ExpertRouting routing{.score = ExpertScore::kSigmoid, .experts_per_token = 2, .normalize = true};
  EXPECT_EQ(choice(routing, {-1000, -1000, -1000}).weights, (Weights{0, 0}));
}

TEST(ExpertRouting, SaysWhatCannotBeChosen) {
  const auto message = [](const ExpertRouting& routing, std::int64_t n_experts) {
    const Status status = routing.check("moe", n_experts);
    return status.ok() ? "" : status.error().message;
  };
  EXPECT_EQ(message({.experts_per_token = 8}, 8), "");
  EXPECT_EQ(message({.experts_per_token = 1024}, 1024), "");
  EXPECT_EQ(message({}, 1025),
            "moe: the number of experts is 1025; expected 1 to 1024, what routing keeps on the stack");
  EXPECT_EQ(message({}, 0), "moe: the number of experts is 0; expected 1 to 1024, what routing keeps on the stack");
  EXPECT_EQ(message({.experts_per_token = 9}, 8),
            "moe: experts_per_token is 9; expected 1 to 8, the number of experts");
  EXPECT_EQ(message({.experts_per_token = 0}, 8),
            "moe: experts_per_token is 0; expected 1 to 8, the number of experts");
  EXPECT_EQ(message({.n_groups = 3}, 8), "moe: n_groups is 3; expected a divisor of the 8 experts");
  EXPECT_EQ(message({.n_groups = 0}, 8), "moe: n_groups is 0; expected 1 to 8, the number of experts");
  EXPECT_EQ(message({.n_groups = 4, .groups_per_token = 5}, 8),
            "moe: groups_per_token is 5; expected 1 to 4, n_groups");
  EXPECT_EQ(message({.n_groups = 4, .groups_per_token = 1, .best_of_group = 3}, 8),
            "moe: best_of_group is 3; expected 1 to 2, the experts of a group");
  EXPECT_EQ(message({.experts_per_token = 3, .n_groups = 4, .groups_per_token = 1}, 8),
            "moe: experts_per_token is 3; expected 1 to 2, the experts of groups_per_token groups");
}

}  // namespace
}  // namespace galago::ops
