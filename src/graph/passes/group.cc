#include "graph/passes/group.h"

#include <algorithm>

#include "graph/rewrite.h"

namespace galago::graph {
namespace {

// The linears of one backend that take `x` as their activations.
std::vector<int> readers_to_group(const Graph& graph, const std::vector<int>& readers, ValueId x) {
  std::vector<int> members;
  for (const int reader : readers) {
    const Node& node = graph.nodes[static_cast<std::size_t>(reader)];
    if (node.as<ops::Linear>() == nullptr || node.inputs[0] != x) continue;
    if (!members.empty() && graph.nodes[static_cast<std::size_t>(members[0])].backend != node.backend) continue;
    members.push_back(reader);
  }
  return members;
}

// Nothing when one of the linears computes what another multiplies by or adds.
std::optional<LinearsMatch> match_of(const Graph& graph, const std::vector<int>& members, ValueId x) {
  LinearsMatch match{.x = x};
  for (const int m : members) match.parts.push_back(linears_of(graph.nodes[static_cast<std::size_t>(m)])->parts[0]);
  for (const auto& part : match.parts) {
    const auto reads = [&part](const auto& other) { return other.weight == part.y || other.bias == part.y; };
    if (std::ranges::any_of(match.parts, reads)) return std::nullopt;
  }
  return match;
}

bool takes_groups(const Backend* backend) {
  return backend != nullptr && std::ranges::count(backend->patterns(), &patterns::kGroup) > 0;
}

}  // namespace

Result<Graph> group(Graph graph, std::span<const Backend* const> backends) {
  Uses uses(graph);
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    const auto x = static_cast<ValueId>(i);
    const std::vector<int> members = readers_to_group(graph, uses.readers[i], x);
    if (members.size() < 2) continue;
    const Backend* backend = backend_of(graph.nodes[static_cast<std::size_t>(members[0])], backends);
    const auto match = match_of(graph, members, x);
    if (!takes_groups(backend) || !match || !can_fuse(graph, uses, members, /*at_first=*/true)) continue;
    Node fused = fused_node(graph, uses, members, Match(*match));
    if (!backend->refuses(fused, graph)) fuse(graph, uses, members, std::move(fused), /*at_first=*/true);
  }
  close_holes(graph);
  return graph;
}

}  // namespace galago::graph
