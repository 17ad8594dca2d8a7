#include "graph/trace.h"

#include "graph/graph_fixture_test.h"
#include "graph/printer.h"

namespace galago::graph {
namespace {

using ::testing::HasSubstr;

const std::vector<TraceInput> kInputs = {{"x", {DType::kF32, {Dim::symbol("rows", 4), 3}}}};

TEST(Trace, ATensorBecomesOneConstantHoweverOftenItIsUsed) {
  const Tensor bias = Tensor::random({3}).with_name("bias");
  const Graph graph = trace("g", kInputs, {}, [&](const TracedInputs& in) -> std::vector<NamedTensor> {
                        return {{"y", in["x"] + bias + bias}};
                      }).value();
  EXPECT_EQ(graph.values.size(), 4u);
  EXPECT_EQ(graph.nodes.size(), 2u);
  EXPECT_EQ(graph.nodes[0].inputs[1], graph.nodes[1].inputs[1]);
  EXPECT_EQ(graph.value(graph.nodes[0].inputs[1]).name, "bias");
}

TEST(Trace, ReturnsTheFirstErrorOfAChain) {
  const auto graph = trace("g", kInputs, {}, [&](const TracedInputs& in) -> std::vector<NamedTensor> {
    return {{"y", silu(in["x"] + Tensor::zeros({4})) + in["x"]}};
  });
  ASSERT_FALSE(graph.ok());
  EXPECT_THAT(graph.error().message, HasSubstr("add: input 1 (b) is f32 (4)"));
}

TEST(Trace, RefusesAValueOfAnotherTrace) {
  Tensor kept;
  ASSERT_TRUE(trace("first", kInputs, {}, [&](const TracedInputs& in) -> std::vector<NamedTensor> {
                kept = in["x"];
                return {{"y", silu(in["x"])}};
              }).ok());
  const auto graph = trace("second", kInputs, {},
                           [&](const TracedInputs& in) -> std::vector<NamedTensor> { return {{"y", in["x"] + kept}}; });
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.error().message, "second: a value of another trace was used");
}

TEST(Trace, SaysWhichInputThereIsNot) {
  const std::vector<TraceInput> inputs = {{"token_ids", {DType::kI32, {4}}}, {"positions", {DType::kI32, {1, 4}}}};
  const auto graph = trace("prefill", inputs, {}, [&](const TracedInputs& in) -> std::vector<NamedTensor> {
    EXPECT_TRUE(in.contains("positions"));
    EXPECT_FALSE(in.contains("media"));
    EXPECT_EQ(in["positions"].type(), inputs[1].type);
    return {{"y", silu(in["media"])}};
  });
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.error().message, "there is no input \"media\"; there are: \"token_ids\", \"positions\"");
}

TEST(Trace, RefusesTwoInputsOfOneName) {
  const std::vector<TraceInput> inputs = {kInputs[0], kInputs[0]};
  const auto graph =
      trace("twins", inputs, {}, [](const TracedInputs& in) { return std::vector<NamedTensor>{{"y", in["x"]}}; });
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.error().message, "twins: two inputs are named \"x\"");
}

TEST(Trace, ListsTheSymbolsOfItsInputsOnce) {
  const auto found = symbols(trace_block().value());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, "tokens");
  EXPECT_EQ(found[0].bound, 32);
}

constexpr std::string_view kDrawing =
    R"dot(digraph "a \"graph\"" {
  node [shape=box, fontname="Helvetica"];
  v0 [shape=oval, label="x\nf32 (rows, 3)"];
  n0 [label="unary"];
  v0 -> n0 [label="(rows, 3)"];
  n1 [label="add"];
  n0 -> n1 [label="(rows, 3)"];
  v0 -> n1 [label="(rows, 3)"];
  out0 [shape=oval, label="y"];
  n1 -> out0;
}
)dot";

TEST(Printer, DrawsNodesEdgesInputsAndOutputs) {
  const Graph graph = trace("a \"graph\"", kInputs, {}, [](const TracedInputs& in) -> std::vector<NamedTensor> {
                        return {{"y", silu(in["x"]) + in["x"]}};
                      }).value();
  EXPECT_EQ(to_dot(graph), kDrawing);
}

}  // namespace
}  // namespace galago::graph
