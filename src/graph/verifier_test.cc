#include "graph/verifier.h"

#include <array>

#include "graph/graph_fixture_test.h"
#include "graph/pipeline.h"

namespace galago::graph {
namespace {

using ::testing::HasSubstr;

std::string error_of(const Graph& graph) {
  const Status status = verify(graph);
  if (status.ok()) return "";
  EXPECT_EQ(status.error().code, ErrorCode::kInternal) << status.error().message;
  return status.error().message;
}

class VerifierTest : public ::testing::Test {
 protected:
  std::size_t find(std::string_view wanted) const {
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
      if (name(graph.nodes[n]) == wanted) return n;
    }
    return graph.nodes.size();
  }
  Node& node(std::string_view wanted) { return graph.nodes[find(wanted)]; }

  Graph graph = trace_block().value();
};

TEST_F(VerifierTest, AcceptsATrace) { EXPECT_EQ(error_of(graph), ""); }

TEST_F(VerifierTest, RefusesReadingBeforeWriting) {
  std::swap(graph.nodes[0], graph.nodes[1]);
  EXPECT_THAT(error_of(graph), HasSubstr("reshape reads %3 before it is computed"));
}

TEST_F(VerifierTest, RefusesValuesThatDoNotExist) {
  node("rms_norm").inputs[0] = 999;
  EXPECT_THAT(error_of(graph), HasSubstr("rms_norm names the value %999"));
  node("rms_norm").inputs[0] = -1;
  EXPECT_THAT(error_of(graph), HasSubstr("names the value %-1"));
}

TEST_F(VerifierTest, RefusesASecondDefinition) {
  node("reshape").outputs[0] = graph.nodes[0].outputs[0];
  EXPECT_THAT(error_of(graph), HasSubstr("is defined twice"));
}

TEST_F(VerifierTest, RefusesTypesThatTheShapeRuleDoesNotGive) {
  graph.value(node("rms_norm").outputs[0]).type.dtype = DType::kF16;
  EXPECT_THAT(error_of(graph), HasSubstr("rms_norm is f16 (tokens, 8); its shape rule gives f32 (tokens, 8)"));
}

TEST_F(VerifierTest, RefusesTooManyOutputs) {
  node("rms_norm").outputs.push_back(graph.add_value({}));
  EXPECT_THAT(error_of(graph), HasSubstr("rms_norm has 2 outputs; its shape rule gives 1"));
}

TEST_F(VerifierTest, RefusesInputsThatAreConstants) {
  graph.inputs.push_back(node("linear").inputs[1]);
  EXPECT_THAT(error_of(graph), HasSubstr("is a constant"));
}

TEST_F(VerifierTest, RefusesOutputsThatNobodyComputes) {
  graph.outputs[0] = graph.add_value({});
  EXPECT_THAT(error_of(graph), HasSubstr("is never computed"));
}

TEST_F(VerifierTest, RefusesOutputsWithoutNames) {
  graph.output_names.clear();
  EXPECT_THAT(error_of(graph), HasSubstr("1 outputs have 0 names"));
}

TEST_F(VerifierTest, RefusesUnknownStates) {
  graph.states.clear();
  EXPECT_THAT(error_of(graph), HasSubstr("kv_append names the state 0 of 0"));
}

TEST_F(VerifierTest, RefusesAttentionBeforeTheAppend) {
  std::swap(node("kv_append"), node("paged_attention"));
  EXPECT_THAT(error_of(graph), HasSubstr("state 0 is attended to before this step is appended to it"));
}

TEST_F(VerifierTest, RefusesAttentionPastTheWindowThatAStateKeeps) {
  const auto looks_back = [&](int window) {
    auto op = *node("paged_attention").as<ops::PagedAttention>();
    op.window = window;
    node("paged_attention").op = ops::AnyOp(op);
  };
  graph.states[0] = ops::Paged{2, 4, 4, 100};
  EXPECT_THAT(error_of(graph), HasSubstr("paged_attention sees all tokens; state 0 keeps 100"));
  looks_back(101);
  EXPECT_THAT(error_of(graph), HasSubstr("sees 101 tokens; state 0 keeps 100"));
  looks_back(100);
  EXPECT_EQ(error_of(graph), "");
}

TEST_F(VerifierTest, KnowsWhichStateAnOpTakes) {
  graph.states[0] = ops::Recurrent{8};
  EXPECT_THAT(error_of(graph), HasSubstr("kv_append names the state 0, which is recurrent(elements=8)"));
  graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(find("kv_append")));
  EXPECT_THAT(error_of(graph), HasSubstr("paged_attention names the state 0, which is recurrent(elements=8)"));
  // Static state is read without an append of this step.
  graph.states[0] = ops::Static{2, 4, 4, 10};
  EXPECT_EQ(error_of(graph), "");
  auto op = *node("paged_attention").as<ops::PagedAttention>();
  op.window = 5;
  node("paged_attention").op = ops::AnyOp(op);
  EXPECT_THAT(error_of(graph), HasSubstr("paged_attention with a window, spans or slopes names the state 0"));
}

TEST(Verifier, KnowsWhatAConvolutionKeeps) {
  const Dim n = Dim::symbol("tokens", 8);
  const std::vector<TraceInput> inputs = {{"x", {DType::kF32, {n, 6}}}};
  const auto traced = [&](const ops::StateSpec& spec) {
    return trace("conv", inputs, {spec}, [&](const TracedInputs& in) -> std::vector<NamedTensor> {
      return {{"y", ops::causal_conv1d(in["x"], Tensor::random({6, 3}), {}, {}, nullptr)}};
    });
  };
  EXPECT_TRUE(traced(ops::Recurrent{12}).ok());
  EXPECT_THAT(traced(ops::Recurrent{11}).error().message,
              HasSubstr("causal_conv1d needs recurrent(elements=12); state 0 is recurrent(elements=11)"));
  EXPECT_FALSE(traced(ops::Paged{1, 6, 6}).ok());
}

TEST_F(VerifierTest, LooksIntoFusedNodes) {
  const AskedBackend cpu("cpu");
  const std::array<const Backend*, 1> backends = {&cpu};
  graph = run_passes(trace_block().value(), backends, "group").value();
  EXPECT_EQ(error_of(graph), "");
  Node& linears = node("linears");
  const Fused intact = *linears.fused();
  auto body = std::make_shared<Graph>(*linears.fused()->body);
  std::swap(body->nodes[0].inputs[0], body->nodes[0].inputs[1]);
  linears.op = Fused{intact.match, body};
  EXPECT_FALSE(verify(graph).ok());
  linears.op = intact;
  EXPECT_EQ(error_of(graph), "");
  linears.inputs.pop_back();
  EXPECT_THAT(error_of(graph), HasSubstr("linears: the body takes 4 and gives 3 values; the node 3 and 3"));
  linears.op = Fused{intact.match, nullptr};
  EXPECT_FALSE(verify(graph).ok());
}

}  // namespace
}  // namespace galago::graph
