#include "graph/passes/pack.h"

#include <algorithm>

namespace galago::graph {

void for_each_weight(const Node& node, const std::function<void(ValueId)>& visit) {
  if (node.as<ops::Linear>() != nullptr) visit(node.inputs[1]);
  if (node.as<ops::Moe>() != nullptr) {
    for (const std::size_t i : {ops::Moe::kGate, ops::Moe::kUp, ops::Moe::kDown}) visit(node.inputs[i]);
  }
  const Fused* fused = node.fused();
  if (fused == nullptr) return;
  const auto& inputs = fused->body->inputs;
  for (const Node& part : fused->body->nodes) {
    for_each_weight(part, [&](ValueId inner) {
      const auto found = std::find(inputs.begin(), inputs.end(), inner);
      if (found != inputs.end()) visit(node.inputs[static_cast<std::size_t>(found - inputs.begin())]);
    });
  }
}

Result<Graph> pack(Graph graph, std::span<const Backend* const> backends) {
  for (const Node& node : graph.nodes) {
    for (const Backend* backend : backends) {
      if (backend->name() != node.backend) continue;
      for_each_weight(node, [&](ValueId id) {
        Value& weight = graph.value(id);
        if (weight.is_constant()) weight.layout = backend->layout(weight);
      });
    }
  }
  return graph;
}

}  // namespace galago::graph
