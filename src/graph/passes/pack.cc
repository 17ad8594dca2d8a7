#include "graph/passes/pack.h"

namespace galago::graph {

Result<Graph> pack(Graph graph, std::span<const Backend* const> backends) {
  for (const Node& node : graph.nodes) {
    const Backend* backend = backend_of(node, backends);
    if (backend == nullptr) continue;
    for_each_weight(node, [&](ValueId id) {
      Value& weight = graph.value(id);
      if (weight.is_constant()) weight.layout = backend->layout(weight);
    });
  }
  return graph;
}

}  // namespace galago::graph
