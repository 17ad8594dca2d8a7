#include "graph/partition.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/rewrite.h"

namespace galago::graph {
namespace {

std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }

class Partitioner {
 public:
  explicit Partitioner(const Graph& graph) : graph_(graph), home_(graph.values.size()) {}

  Partition run() {
    for (const Node& node : graph_.nodes) {
      if (node.copy() != nullptr) continue;
      if (made_.parts.empty() || made_.parts.back().backend != node.backend) begin_part(node.backend);
      append(node);
    }
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) made_.outputs.push_back(source_of(graph_.outputs[i]));
    return std::move(made_);
  }

 private:
  // Where a value is computed.
  struct Home {
    int part = -1;
    ValueId local = kNoValue;
  };

  Part& part() { return made_.parts.back(); }

  void begin_part(const std::string& backend) {
    made_.parts.push_back({.backend = backend});
    part().graph.name = fmt::format("{} part {}", graph_.name, made_.parts.size());
    part().graph.numeric_class = graph_.numeric_class;
    part().graph.states = graph_.states;
    local_.assign(graph_.values.size(), kNoValue);
  }

  void append(const Node& node) {
    Node own = node;
    const auto number = [this](ValueId id) { return local(id); };
    for (const ValueId id : node.outputs) {
      local_[index(id)] = part().graph.add_value(graph_.value(id));
      home_[index(id)] = {static_cast<int>(made_.parts.size()) - 1, local_[index(id)]};
    }
    renumber_node(own, number);
    part().graph.nodes.push_back(std::move(own));
  }

  // The value in the current part's graph: computed there, a constant, or one more input.
  ValueId local(ValueId id) {
    ValueId& found = local_[index(id)];
    if (found != kNoValue) return found;
    const Value& value = graph_.value(id);
    found = part().graph.add_value(value);
    if (value.is_constant()) return found;
    part().graph.inputs.push_back(found);
    part().inputs.push_back(source_of(id));
    Value& input = part().graph.value(found);
    if (input.name.empty()) input.name = fmt::format("from_{}", id);
    return found;
  }

  // Follows copies back to where the value comes from, which then gives it.
  ValueSource source_of(ValueId id) {
    for (;;) {
      const auto copies = std::ranges::find_if(
          graph_.nodes, [id](const Node& node) { return node.copy() != nullptr && node.outputs[0] == id; });
      if (copies == graph_.nodes.end()) break;
      id = copies->inputs[0];
    }
    if (const auto input = std::ranges::find(graph_.inputs, id); input != graph_.inputs.end()) {
      return {-1, static_cast<int>(input - graph_.inputs.begin())};
    }
    Home home = home_[index(id)];
    if (home.part < 0) home = {static_cast<int>(made_.parts.size()) - 1, local(id)};  // a constant that is an output
    Graph& from = made_.parts[static_cast<std::size_t>(home.part)].graph;
    auto output = std::ranges::find(from.outputs, home.local);
    if (output == from.outputs.end()) {
      from.outputs.push_back(home.local);
      from.output_names.push_back(fmt::format("out{}", from.outputs.size() - 1));
      output = from.outputs.end() - 1;
    }
    return {home.part, static_cast<int>(output - from.outputs.begin())};
  }

  const Graph& graph_;
  Partition made_;
  std::vector<Home> home_;
  std::vector<ValueId> local_;  // of each value in the current part's graph
};

}  // namespace

Partition partition(Graph graph, std::string_view backend) {
  const std::string only = graph.nodes.empty() ? std::string(backend) : graph.nodes.front().backend;
  if (!std::ranges::all_of(graph.nodes, [&only](const Node& node) { return node.backend == only; })) {
    return Partitioner(graph).run();
  }
  Partition whole;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) whole.outputs.push_back({0, static_cast<int>(i)});
  Part part{.backend = only};
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) part.inputs.push_back({-1, static_cast<int>(i)});
  part.graph = std::move(graph);
  whole.parts.push_back(std::move(part));
  return whole;
}

}  // namespace galago::graph
