#include "graph/rewrite.h"

#include <array>

#include "graph/graph_fixture_test.h"
#include "graph/pipeline.h"

namespace galago::graph {
namespace {

// Two layers' keys are turned before either is appended.
Graph two_appends() {
  const Dim n = Dim::symbol("tokens", 8);
  const std::vector<TraceInput> inputs = {{"k", {DType::kF32, {n, 1, 4}}}, {"positions", {DType::kI32, {1, n}}}};
  const Tensor frequencies = Tensor::random({2});
  const std::vector<ops::StateSpec> states = {ops::Paged{1, 4, 4}, ops::Paged{1, 4, 4}};
  return trace("two", inputs, states,
               [&](const TracedInputs& in) -> std::vector<NamedTensor> {
                 const Tensor second = ops::rope(in["k"], in["positions"], frequencies, {});
                 const Tensor first = ops::rope(in["k"], in["positions"], frequencies, {});
                 if (!ops::kv_append(first, in["k"], 0, nullptr).ok()) return {};
                 if (!ops::kv_append(second, in["k"], 1, nullptr).ok()) return {};
                 return {{"k", scale(first, 1.0f)}};
               })
      .value();
}

// A node with state must not change places with another.
TEST(CanFuse, KeepsTheOrderOfState) {
  const Graph graph = two_appends();
  const Uses uses(graph);
  ASSERT_EQ(name(graph.nodes[0]), "rope");
  ASSERT_EQ(name(graph.nodes[2]), "kv_append");
  ASSERT_EQ(name(graph.nodes[3]), "kv_append");
  const std::array around = {0, 3}, beside = {1, 2};
  for (const bool at_first : {false, true}) EXPECT_FALSE(can_fuse(graph, uses, around, at_first));
  EXPECT_TRUE(can_fuse(graph, uses, beside, /*at_first=*/false));
}

}  // namespace
}  // namespace galago::graph
