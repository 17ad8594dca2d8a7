#include "graph/memory_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "graph/graph_fixture_test.h"

namespace galago::graph {
namespace {

using ::testing::HasSubstr;

struct Live {
  std::int64_t begin, end;  // bytes
  int first, last;          // nodes
};

// From when to when each block of the plan is in use, told from the graph alone.
std::vector<Live> live_blocks(const Graph& graph, const MemoryPlan& plan) {
  const int end = static_cast<int>(graph.nodes.size());
  std::vector<Live> blocks;
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (plan.offsets[i] < 0) continue;
    Live live{plan.offsets[i], plan.offsets[i] + plan.sizes[i], end, -1};
    for (int n = 0; n < end; ++n) {
      const Node& node = graph.nodes[static_cast<std::size_t>(n)];
      const auto touches = [&](const std::vector<ValueId>& ids) {
        return std::any_of(ids.begin(), ids.end(),
                           [&](ValueId id) { return plan.storage[static_cast<std::size_t>(id)] == plan.storage[i]; });
      };
      if (!touches(node.inputs) && !touches(node.outputs)) continue;
      live.first = std::min(live.first, n);
      live.last = std::max(live.last, n);
    }
    for (const ValueId id : graph.outputs) {
      if (plan.storage[static_cast<std::size_t>(id)] == plan.storage[i]) live.last = end;
    }
    if (plan.storage[i] == static_cast<ValueId>(i)) blocks.push_back(live);
  }
  for (int n = 0; n < end; ++n) {
    const auto node = static_cast<std::size_t>(n);
    if (plan.scratch[node] < 0) continue;
    blocks.push_back({plan.scratch[node], plan.scratch[node] + plan.scratch_sizes[node], n, n});
  }
  return blocks;
}

void expect_sound(const Graph& graph, const MemoryPlan& plan) {
  const auto blocks = live_blocks(graph, plan);
  std::int64_t end = 0;
  for (std::size_t a = 0; a < blocks.size(); ++a) {
    EXPECT_EQ(blocks[a].begin % kArenaAlignment, 0);
    EXPECT_LE(blocks[a].end, plan.peak_bytes);
    end = std::max(end, blocks[a].end);
    for (std::size_t b = 0; b < a; ++b) {
      const bool together = blocks[a].first <= blocks[b].last && blocks[b].first <= blocks[a].last;
      const bool overlap = blocks[a].begin < blocks[b].end && blocks[b].begin < blocks[a].end;
      EXPECT_FALSE(together && overlap) << "blocks " << b << " and " << a;
    }
  }
  EXPECT_LT(plan.peak_bytes - end, kArenaAlignment) << "the peak is no larger than what is used";
}

// Random chains and trees of adds, slices, reshapes and concats, some of whose values are outputs.
Graph random_graph(std::mt19937& random) {
  const auto pick = [&random](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const Dim n = Dim::symbol("n", 1 + static_cast<std::int64_t>(pick(100)));
  std::vector<TraceInput> inputs = {{"a", {DType::kF32, {n, 6}}}, {"b", {DType::kF32, {n, 6}}}};
  return trace("random", inputs, {},
               [&](const TracedInputs& in) {
                 std::vector<Tensor> values(in.tensors().begin(), in.tensors().end());
                 const std::size_t steps = 3 + pick(30);
                 for (std::size_t i = 0; i < steps; ++i) {
                   const Tensor& x = values[pick(values.size())];
                   const Tensor& y = values[pick(values.size())];
                   switch (pick(4)) {
                     case 0: values.push_back(x + y); break;
                     case 1: values.push_back(reshape(reshape(x, {n, 2, 3}), {n, 6})); break;
                     case 2: {
                       const std::vector<Tensor> both = {x, y};
                       values.push_back(slice(concat(both, 1), 1, static_cast<std::int64_t>(pick(6)), 6));
                       break;
                     }
                     default: values.push_back(silu(x));
                   }
                 }
                 std::vector<NamedTensor> named;
                 for (std::size_t i = 0; i < 1 + pick(3); ++i) {
                   named.push_back({fmt::format("y{}", i), values[pick(values.size())]});
                 }
                 return named;
               })
      .value();
}

TEST(MemoryPlan, NoTwoLiveBlocksOverlapInRandomGraphs) {
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    const Graph graph = random_graph(random);
    const auto plan =
        plan_memory(graph, [&](const Node& node) { return static_cast<std::int64_t>(name(node).size() % 3) * 100; });
    ASSERT_TRUE(plan.ok()) << plan.error().message;
    expect_sound(graph, *plan);
    if (HasFailure()) FAIL() << to_text(*plan, graph);
  }
}

TEST(MemoryPlan, OfABlockIsFarBelowTheSumOfItsValues) {
  const Graph graph = trace_block().value();
  const MemoryPlan plan = plan_memory(graph, [](const Node&) { return std::int64_t{0}; }).value();
  expect_sound(graph, plan);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (plan.offsets[i] >= 0 && plan.storage[i] == static_cast<ValueId>(i)) sum += plan.sizes[i];
  }
  // The most that lives at once: x, gate, silu(gate) and up beside each other are 32 * (8 + 12 + 12 + 12) floats.
  EXPECT_LE(plan.peak_bytes, 32 * 44 * 4);
  EXPECT_LT(plan.peak_bytes, sum / 3);
}

TEST(MemoryPlan, ReshapesShareTheirBytes) {
  const Graph graph = trace_block().value();
  const MemoryPlan plan = plan_memory(graph, [](const Node&) { return std::int64_t{0}; }).value();
  for (const Node& node : graph.nodes) {
    if (node.as<ops::Reshape>() == nullptr) continue;
    EXPECT_EQ(plan.offsets[static_cast<std::size_t>(node.inputs[0])],
              plan.offsets[static_cast<std::size_t>(node.outputs[0])]);
  }
}

TEST(MemoryPlan, PutsInputsAndConstantsElsewhere) {
  const Graph graph = trace_block().value();
  const MemoryPlan plan = plan_memory(graph, [](const Node&) { return std::int64_t{0}; }).value();
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    const bool given = graph.values[i].is_constant() || std::count(graph.inputs.begin(), graph.inputs.end(), i) > 0;
    EXPECT_EQ(plan.offsets[i] < 0, given) << i;
  }
}

TEST(MemoryPlan, RefusesSizesThatOverflow) {
  const Dim huge = Dim::symbol("huge", std::int64_t{1} << 40);
  const std::vector<TraceInput> inputs = {{"x", {DType::kF32, {huge, std::int64_t{1} << 22}}}};
  const Graph graph = trace("g", inputs, {}, [](const TracedInputs& in) -> std::vector<NamedTensor> {
                        return {{"y", silu(in["x"])}};
                      }).value();
  const auto plan = plan_memory(graph, [](const Node&) { return std::int64_t{0}; });
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(plan.error().message, HasSubstr("is too large to plan"));
}

TEST(MemoryPlan, PrintsBytesOffsetsScratchRegionsAndPeak) {
  const Graph graph = trace_block().value();
  MemoryPlan plan = plan_memory(graph, [](const Node& node) {
                      return std::int64_t{node.as<ops::Linear>() != nullptr ? 100 : 0};
                    }).value();
  plan.regions.push_back({"rope table", plan.peak_bytes, 512});
  plan.peak_bytes += 512;
  const std::string text = to_text(plan, graph);
  EXPECT_THAT(text, HasSubstr("1280 bytes at"));
  EXPECT_THAT(text, HasSubstr("%36 f32 (tokens, 10)"));
  EXPECT_THAT(text, HasSubstr("scratch of linear"));
  EXPECT_THAT(text, HasSubstr("512 bytes at"));
  EXPECT_THAT(text, HasSubstr("  rope table\n  peak " + std::to_string(plan.peak_bytes) + " bytes\n"));
}

}  // namespace
}  // namespace galago::graph
