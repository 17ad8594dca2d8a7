#include "nn/moe.h"

#include <gtest/gtest.h>

#include "graph/trace.h"

namespace galago::nn {
namespace {

MoeConfig small() {
  return {.hidden_size = 8, .intermediate_size = 6, .n_experts = 4, .routing = {.experts_per_token = 2}};
}

TEST(NnMoe, NamesItsParametersAndCountsThem) {
  MoeConfig config = small();
  EXPECT_EQ(Moe(config).parameter_count(), 4 * 8 + 3 * 4 * 6 * 8);
  config.router_bias = config.selection_bias = config.expert_bias = true;
  const Moe moe(config);
  EXPECT_EQ(moe.parameter_count(), 4 * 8 + 3 * 4 * 6 * 8 + 4 + 4 + 4 * (6 + 6 + 8));
  const std::string text = moe.to_string("mlp");
  EXPECT_NE(text.find("Moe(2 of 4 experts)"), std::string::npos) << text;
  EXPECT_NE(text.find("experts.down_proj: Experts(4 x 6 -> 8, bias)"), std::string::npos) << text;
}

TEST(NnMoe, RunsAtOnceAndTraced) {
  MoeConfig config = small();
  config.selection_bias = config.expert_bias = true;
  const Moe moe(config);
  EXPECT_EQ(moe(Tensor::random({3, 8})).type().to_string(), "f32 (3, 8)");
  const std::vector<graph::TraceInput> inputs = {{"x", {DType::kF32, {Dim::symbol("tokens", 5), 8}}}};
  const auto graph = graph::trace("moe", inputs, {}, [&](const graph::TracedInputs& in) {
    return std::vector<graph::NamedTensor>{{"y", moe(in["x"])}};
  });
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  ASSERT_EQ(graph->nodes.size(), 2u);
  EXPECT_EQ(graph::name(graph->nodes[1]), "moe");
  EXPECT_EQ(graph->nodes[1].inputs.size(), 9u);
}

TEST(NnMoe, CarriesErrors) {
  const Tensor wrong = Moe(small())(Tensor::random({3, 7}));
  ASSERT_FALSE(wrong.ok());
  MoeConfig config = small();
  config.routing.experts_per_token = 5;
  EXPECT_EQ(Moe(config)(Tensor::random({3, 8})).error().message,
            "moe: experts_per_token is 5; expected 1 to 4, the number of experts");
}

}  // namespace
}  // namespace galago::nn
