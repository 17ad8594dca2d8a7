#include "graph/passes/group.h"

#include "graph/rewrite.h"

namespace galago::graph {
namespace {

// The linears of one backend that take `x` as their activations.
std::vector<int> linears_of(const Graph& graph, const std::vector<int>& readers, ValueId x) {
  std::vector<int> members;
  for (const int reader : readers) {
    const Node& node = graph.nodes[static_cast<std::size_t>(reader)];
    if (node.as<ops::Linear>() == nullptr || node.inputs[0] != x) continue;
    if (!members.empty() && graph.nodes[static_cast<std::size_t>(members[0])].backend != node.backend) continue;
    members.push_back(reader);
  }
  return members;
}

}  // namespace

Result<Graph> group(Graph graph) {
  Uses uses(graph);
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    const std::vector<int> members = linears_of(graph, uses.readers[i], static_cast<ValueId>(i));
    if (members.size() < 2 || !can_fuse(graph, uses, members, /*at_first=*/true)) continue;
    fuse(graph, uses, members, "linears", true);
  }
  close_holes(graph);
  return graph;
}

}  // namespace galago::graph
