#include "ops/moe.h"

#include <gtest/gtest.h>

#include "galago/ops.h"
#include "ops/any_op.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

Tensor golden_moe(const Moe& op, std::initializer_list<const char*> more = {}, const char* logits = "moe/logits") {
  std::vector<Tensor> others;
  for (const char* name : more) others.push_back(golden(name));
  return moe(golden("moe/x"), golden(logits), golden("moe/gate"), golden("moe/up"), golden("moe/down"), op, others);
}

TEST(Moe, AgreesWithTransformers) {
  Moe op{.routing = {.experts_per_token = 3}};
  EXPECT_TRUE(is_close(golden_moe(op), golden("moe/olmoe")));
  op.routing.normalize = true;
  EXPECT_TRUE(is_close(golden_moe(op), golden("moe/mixtral")));
  op.routing = {ExpertScore::kSoftmax, 3, false, 1.5f, 4, 2, 1};
  EXPECT_TRUE(is_close(golden_moe(op), golden("moe/deepseek_v2")));
  op.routing = {ExpertScore::kSigmoid, 3, true, 2.5f, 4, 2, 2};
  op.has_selection_bias = true;
  // Terms up to 70, whose weights are scores in f32 and cancel out.
  EXPECT_TRUE(is_close(golden_moe(op, {"moe/selection_bias"}), golden("moe/deepseek_v3"), 1e-5));
  const Moe gpt_oss{.routing = {.score = ExpertScore::kSoftmaxOfChosen, .experts_per_token = 3},
                    .activation = UnaryKind::kQuickGelu,
                    .limit = 7.0f,
                    .up_offset = 1.0f,
                    .has_biases = true};
  EXPECT_TRUE(is_close(golden_moe(gpt_oss, {"moe/gate_bias", "moe/up_bias", "moe/down_bias"}, "moe/logits_with_bias"),
                       golden("moe/gpt_oss")));
}

TEST(Moe, IsInTheSdk) {
  const Tensor y = galago::moe(golden("moe/x"), golden("moe/logits"), golden("moe/gate"), golden("moe/up"),
                               golden("moe/down"), 3, true);
  EXPECT_TRUE(is_close(y, golden("moe/mixtral")));
}

TEST(Moe, SaysWhatDoesNotFit) {
  const Dim n = Dim::symbol("tokens", 64);
  const TensorType x = f32({n, 32}), logits = f32({n, 8}), gate = {DType::kQ4_0, {8, 5, 32}}, down = f32({8, 32, 5});
  const Moe op{.routing = {.experts_per_token = 2}};
  EXPECT_EQ(inferred(op, {x, logits, gate, gate, down}), "f32 (tokens, 32)");
  EXPECT_EQ(inferred(op, {x, logits, gate, gate}), "moe: 4 inputs; expected 5 (x, logits, gate, up, down)");
  EXPECT_EQ(inferred(op, {x, f32({n, 7}), gate, gate, down}),
            "moe: input 2 (gate) is q4_0 (8, 5, 32); expected size 7 in dim 0");
  EXPECT_EQ(inferred(op, {x, f32({5, 8}), gate, gate, down}),
            "moe: input 1 (logits) is f32 (5, 8); expected size tokens in dim 0");
  EXPECT_EQ(inferred(op, {x, f32({n, n}), gate, gate, down}),
            "moe: input 1 (logits) is f32 (tokens, tokens); expected a constant number of experts in dim 1");
  EXPECT_EQ(inferred(op, {x, logits, f32({8, n, 32}), gate, down}),
            "moe: input 2 (gate) is f32 (8, tokens, 32); expected a constant size in dim 1");
  EXPECT_EQ(inferred(op, {x, logits, gate, f32({8, 6, 32}), down}),
            "moe: input 3 (up) is f32 (8, 6, 32); expected size 5 in dim 1");
  EXPECT_EQ(inferred(op, {x, logits, gate, gate, f32({8, 32, 6})}),
            "moe: input 4 (down) is f32 (8, 32, 6); expected size 5 in dim 2");
  EXPECT_EQ(inferred(op, {x, logits, f32({8, 32}), gate, down}), "moe: input 2 (gate) is f32 (8, 32); expected 3 dims");
  EXPECT_EQ(inferred(Moe{.routing = {.experts_per_token = 9}}, {x, logits, gate, gate, down}),
            "moe: experts_per_token is 9; expected 1 to 8, the number of experts");
  const Moe with_all{.routing = op.routing, .has_selection_bias = true, .has_biases = true};
  const TensorType bias = f32({8}), of_gate = f32({8, 5}), of_down = f32({8, 32});
  EXPECT_EQ(inferred(with_all, {x, logits, gate, gate, down, bias, of_gate, of_gate, of_down}), "f32 (tokens, 32)");
  EXPECT_EQ(inferred(with_all, {x, logits, gate, gate, down, bias, of_gate, of_gate, of_gate}),
            "moe: input 8 (down_bias) is f32 (8, 5); expected size 32 in dim 1");
  EXPECT_EQ(inferred(with_all, {x, logits, gate, gate, down, of_gate, of_gate, of_gate, of_down}),
            "moe: input 5 (selection_bias) is f32 (8, 5); expected 1 dims");
}

TEST(Moe, PrintsTheFieldsThatMatter) {
  EXPECT_EQ(fields_to_string(Moe{.routing = {.experts_per_token = 2}}),
            "score=softmax, experts_per_token=2, normalize=false, scale=1, activation=silu");
  EXPECT_EQ(fields_to_string(Moe{.routing = {ExpertScore::kSigmoid, 8, true, 2.5f, 8, 4, 2},
                                 .limit = 7.0f,
                                 .up_offset = 1.0f,
                                 .has_selection_bias = true,
                                 .has_biases = true}),
            "score=sigmoid, experts_per_token=8, normalize=true, scale=2.5, n_groups=8, groups_per_token=4, "
            "best_of_group=2, activation=silu, limit=7, up_offset=1, has_selection_bias=true, has_biases=true");
}

}  // namespace
}  // namespace galago::ops
