#include "graph/partition.h"

#include <algorithm>
#include <array>

#include "graph/graph_fixture_test.h"
#include "graph/pipeline.h"
#include "graph/printer.h"

namespace galago::graph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Takes what lies between the attention and the last residual.
bool is_network(const Node& node) {
  return node.as<ops::Linear>() != nullptr || node.as<ops::RmsNorm>() != nullptr || node.as<ops::Unary>() != nullptr ||
         node.as<ops::Mul>() != nullptr || node.as<ops::Add>() != nullptr;
}

const AskedBackend kRest("cpu");
const AskedBackend kNetworks("network", [](const Node& node) -> std::optional<std::string> {
  if (node.fused() != nullptr || is_network(node)) return std::nullopt;
  return "knows networks only";
});

Graph placed(std::string_view pass) {
  const std::array<const Backend*, 2> both = {&kNetworks, &kRest};
  return run_passes(trace_block().value(), both, pass).value();
}

TEST(Copies, StandBeforeTheFirstReaderOnAnotherBackend) {
  const Graph graph = placed("copies");
  std::vector<ValueId> copied;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const Copy* copy = node.copy();
    if (copy == nullptr) continue;
    EXPECT_NE(copy->from, node.backend);
    copied.push_back(node.inputs[0]);
    const auto& next = graph.nodes[n + 1];
    EXPECT_TRUE(next.copy() != nullptr || std::ranges::count(next.inputs, node.outputs[0]) > 0);
    EXPECT_EQ(next.backend, node.backend);
  }
  EXPECT_GT(copied.size(), 4u);
  std::ranges::sort(copied);
  EXPECT_EQ(std::ranges::adjacent_find(copied), copied.end()) << "with two backends, once each";
  EXPECT_THAT(to_text(graph), HasSubstr("{from=cpu} on network"));
}

TEST(Copies, GiveEachBackendConstantsOfItsOwn) {
  const Graph graph = placed("pack");
  int tables = 0;
  for (const Value& value : graph.values) {
    if (value.name != "table") continue;
    ++tables;
    EXPECT_THAT(value.layout, testing::AnyOf("", "network tiles")) << "the embedding's rows stay as they are";
  }
  EXPECT_EQ(tables, 2) << "one for the embedding, one for the output";
}

TEST(Copies, OfOneBackendAreNone) {
  const std::array<const Backend*, 1> one = {&kRest};
  const Graph before = run_passes(trace_block().value(), one, "place").value();
  EXPECT_EQ(to_text(run_passes(trace_block().value(), one, "copies").value()), to_text(before));
}

TEST(Partition, IsTheGraphItselfOnOneBackend) {
  const std::array<const Backend*, 1> one = {&kRest};
  const Graph graph = run_passes(trace_block().value(), one).value();
  const Partition whole = partition(graph, "cpu");
  ASSERT_EQ(whole.parts.size(), 1u);
  EXPECT_EQ(to_text(whole.parts[0].graph), to_text(graph));
  EXPECT_THAT(whole.parts[0].inputs, ElementsAre(ValueSource{-1, 0}, ValueSource{-1, 1}));
  EXPECT_THAT(whole.outputs, ElementsAre(ValueSource{0, 0}));
}

TEST(Partition, JoinsPartsByWhatTheyGiveAndRead) {
  const Graph graph = placed("pack");
  const Partition parts = partition(graph, "cpu");
  ASSERT_GT(parts.parts.size(), 2u);
  std::size_t nodes = 0;
  for (std::size_t p = 0; p < parts.parts.size(); ++p) {
    const Part& part = parts.parts[p];
    if (p > 0) {
      EXPECT_NE(part.backend, parts.parts[p - 1].backend) << "neighbours of one backend are one part";
    }
    ASSERT_EQ(part.inputs.size(), part.graph.inputs.size());
    nodes += part.graph.nodes.size();
    for (const Node& node : part.graph.nodes) {
      EXPECT_EQ(node.backend, part.backend);
      EXPECT_EQ(node.copy(), nullptr);
    }
    for (std::size_t i = 0; i < part.inputs.size(); ++i) {
      const ValueSource& from = part.inputs[i];
      const TensorType& read = part.graph.value(part.graph.inputs[i]).type;
      if (from.is_input()) {
        EXPECT_EQ(read, graph.value(graph.inputs[static_cast<std::size_t>(from.index)]).type);
        continue;
      }
      ASSERT_LT(from.part, static_cast<int>(p)) << "what is read was computed before";
      const Graph& giver = parts.parts[static_cast<std::size_t>(from.part)].graph;
      EXPECT_EQ(read, giver.value(giver.outputs[static_cast<std::size_t>(from.index)]).type);
    }
  }
  const auto copies = std::ranges::count_if(graph.nodes, [](const Node& node) { return node.copy() != nullptr; });
  EXPECT_EQ(nodes + static_cast<std::size_t>(copies), graph.nodes.size());
}

// What lowering reads of a fused node follows the numbers of its part.
TEST(Partition, RenumbersMatches) {
  for (const Part& part : partition(placed("pack"), "cpu").parts) {
    for (const Node& node : part.graph.nodes) {
      const auto* linears = node.match<LinearsMatch>();
      if (linears == nullptr) continue;
      for (const LinearsMatch::Part& linear : linears->parts) {
        EXPECT_GT(std::ranges::count(node.inputs, linear.weight), 0);
        EXPECT_GT(std::ranges::count(node.outputs, linear.y), 0);
        EXPECT_TRUE(part.graph.value(linear.weight).is_constant());
      }
    }
  }
}

TEST(Fuse, TakesTheBackendsPatternsAndAsksAboutTheResult) {
  const auto names_with = [](std::vector<const Pattern*> taken, AskedBackend::Refuses refuses) {
    AskedBackend backend("cpu", std::move(refuses));
    backend.taken = std::move(taken);
    const std::array<const Backend*, 1> backends = {&backend};
    std::vector<std::string> names;
    const Graph graph = run_passes(trace_block().value(), backends).value();
    for (const Node& node : graph.nodes) {
      if (node.fused() != nullptr) names.emplace_back(name(node));
    }
    return names;
  };
  const auto nothing = [](const Node&) { return std::nullopt; };
  EXPECT_THAT(names_with({}, nothing), ElementsAre());
  EXPECT_THAT(names_with({&patterns::kRopeAppend}, nothing), ElementsAre("rope_append"));
  EXPECT_THAT(names_with({&patterns::kGatedAct, &patterns::kLinearResidual}, nothing),
              ElementsAre("linears", "gated_act", "linears"));
  // A network whose product may be no more than itself: the linear after it stays outside.
  const std::vector<const Pattern*> all = AskedBackend("all").taken;
  const auto no_down = [](const Node& node) -> std::optional<std::string> {
    const auto* gated = node.match<GatedLinearsMatch>();
    if (gated == nullptr || !gated->down) return std::nullopt;
    return "stops at the product";
  };
  EXPECT_THAT(names_with(all, no_down), ElementsAre("linears", "rope_append", "linears", "gated_linears", "linears"));
}

TEST(Place, KeepsTheNodesOfAStateTogether) {
  const AskedBackend appends("appends", [](const Node& node) -> std::optional<std::string> {
    if (node.as<ops::KvAppend>() != nullptr) return std::nullopt;
    return "only appends";
  });
  const std::array<const Backend*, 2> both = {&appends, &kRest};
  const Graph graph = run_passes(trace_block().value(), both, "place").value();
  for (const Node& node : graph.nodes) {
    EXPECT_EQ(node.backend, "cpu") << "who appends must attend, too";
  }
}

}  // namespace
}  // namespace galago::graph
