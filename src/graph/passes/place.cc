#include "graph/passes/place.h"

#include "base/error.h"

namespace galago::graph {

Result<Graph> place(Graph graph, std::span<const Backend* const> backends) {
  for (Node& node : graph.nodes) {
    std::string reasons;
    for (const Backend* backend : backends) {
      const auto refusal = backend->refuses(node, graph);
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
