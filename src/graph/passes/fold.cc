#include "graph/passes/fold.h"

#include "base/try.h"
#include "graph/rewrite.h"
#include "ops/executor.h"

namespace galago::graph {
namespace {

// Larger results stay nodes: folding must not trade mapped weights for memory.
constexpr std::int64_t kMaxFoldedBytes = 1 << 20;

bool worth_folding(const Graph& graph, const Node& node) {
  if (node.fused() != nullptr || has_state(node) || node.inputs.empty()) return false;
  for (const ValueId id : node.inputs) {
    if (!graph.value(id).is_constant() || graph.value(id).constant.is_packed()) return false;
  }
  std::int64_t bytes = 0;
  for (const ValueId id : node.outputs) {
    const TensorType& type = graph.value(id).type;
    if (!type.shape.is_constant()) return false;
    bytes += type.shape.max_elements().value_or(kMaxFoldedBytes) * info(type.dtype).block_bytes;
  }
  return bytes <= kMaxFoldedBytes;
}

}  // namespace

Result<Graph> fold(Graph graph) {
  const ops::ExecutorScope scope(ops::reference_executor());
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node node = graph.nodes[n];
    if (worth_folding(graph, node)) {
      std::vector<Tensor> inputs;
      for (const ValueId id : node.inputs) inputs.push_back(graph.value(id).constant);
      const std::vector<Tensor> results = ops::apply(std::get<ops::AnyOp>(node.op), inputs);
      for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        if (!results[i].ok()) return results[i].error();
        const ValueId folded = graph.add_value({.type = results[i].type(), .constant = results[i]});
        replace_value(graph, node.outputs[i], folded);
      }
    } else if (node.as<ops::Reshape>() != nullptr &&
               graph.value(node.inputs[0]).type == graph.value(node.outputs[0]).type) {
      replace_value(graph, node.outputs[0], node.inputs[0]);
    }
  }
  remove_dead(graph);
  return graph;
}

}  // namespace galago::graph
