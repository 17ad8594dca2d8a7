#include "graph/passes/place.h"

#include <map>

#include "base/error.h"

namespace galago::graph {
namespace {

// For each state, the nodes that read or write it.
std::map<int, std::vector<const Node*>> nodes_of_states(const Graph& graph) {
  std::map<int, std::vector<const Node*>> nodes;
  for (const Node& node : graph.nodes) {
    for_each_state(node, [&](int state) { nodes[state].push_back(&node); });
  }
  return nodes;
}

}  // namespace

Result<Graph> place(Graph graph, std::span<const Backend* const> backends) {
  const auto together = nodes_of_states(graph);
  // Why the backend does not run the node, or another node of its state.
  const auto refusal_of = [&](const Backend& backend, const Node& node) -> std::optional<std::string> {
    auto refusal = backend.refuses(node, graph);
    for_each_state(node, [&](int state) {
      for (const Node* other : together.at(state)) {
        if (!refusal) refusal = backend.refuses(*other, graph);
      }
    });
    return refusal;
  };
  for (Node& node : graph.nodes) {
    std::string reasons;
    for (const Backend* backend : backends) {
      const auto refusal = refusal_of(*backend, node);
      if (!refusal) {
        node.backend = backend->name();
        break;
      }
      reasons += fmt::format("; {}: {}", backend->name(), *refusal);
    }
    if (node.backend.empty()) {
      return error(ErrorCode::kUnsupported, "{}: no backend runs {}{}", graph.name, name(node), reasons);
    }
  }
  return graph;
}

}  // namespace galago::graph
