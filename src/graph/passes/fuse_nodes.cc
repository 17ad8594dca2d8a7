#include "graph/passes/fuse_nodes.h"

#include <algorithm>
#include <array>

#include "graph/rewrite.h"

namespace galago::graph {
namespace {

bool is_linears(const Node& node) {
  return node.as<ops::Linear>() != nullptr || (node.fused() != nullptr && node.fused()->pattern == "linears");
}

bool is_norm(const Node& node) { return node.as<ops::RmsNorm>() != nullptr || node.as<ops::LayerNorm>() != nullptr; }

bool is_gated(const Node& node) { return node.fused() != nullptr && node.fused()->pattern == "gated_act"; }

// Whether the activations of a "linears" node come from outside, so that a prologue can still be put before it.
bool lacks_prologue(const Node& node) {
  return node.fused() == nullptr || node.fused()->body->nodes.front().as<ops::Linear>() != nullptr;
}

int linear_count(const Node& node) {
  if (node.as<ops::Linear>() != nullptr) return 1;
  const auto& parts = node.fused()->body->nodes;
  return static_cast<int>(
      std::count_if(parts.begin(), parts.end(), [](const Node& part) { return part.as<ops::Linear>() != nullptr; }));
}

// A full residual: both operands have the same shape.
bool is_residual_add(const Graph& graph, const Node& node) {
  return node.as<ops::Add>() != nullptr && graph.value(node.inputs[0]).type == graph.value(node.inputs[1]).type &&
         node.inputs[0] != node.inputs[1];
}

// Whether `second` may directly follow `first` in one node, and under which name; nullptr: no.
const char* pattern_of(const Graph& graph, const Node& first, const Node& second, bool read_once) {
  if (first.outputs.empty() || first.backend != second.backend) return nullptr;
  const ValueId value = first.outputs[0];
  if (first.as<ops::Add>() != nullptr && is_norm(second) && !read_once && is_residual_add(graph, first)) {
    return second.inputs[0] == value ? "add_norm" : nullptr;
  }
  if (!read_once || first.outputs.size() != 1) return nullptr;
  if (first.as<ops::Unary>() != nullptr && second.as<ops::Mul>() != nullptr) {
    const bool same_shape = graph.value(second.inputs[0]).type == graph.value(second.inputs[1]).type;
    return same_shape && second.inputs[0] != second.inputs[1] ? "gated_act" : nullptr;
  }
  if ((is_norm(first) || is_gated(first)) && is_linears(second) && lacks_prologue(second)) {
    return second.inputs[0] == value ? "linears" : nullptr;
  }
  if (is_linears(first) && linear_count(first) == 1 && is_residual_add(graph, second)) return "linears";
  if (first.as<ops::Rope>() != nullptr && second.as<ops::KvAppend>() != nullptr) {
    return second.inputs[0] == value ? "rope_append" : nullptr;
  }
  return nullptr;
}

// Fuses node `n` with one that reads its first output, if they match. The fused node, or -1.
int fuse_at(Graph& graph, Uses& uses, int n) {
  const Node& first = graph.nodes[static_cast<std::size_t>(n)];
  if (first.outputs.empty()) return -1;
  const ValueId value = first.outputs[0];
  const bool read_once = uses.read_once(graph, value);
  for (const int reader : uses.readers[static_cast<std::size_t>(value)]) {
    const char* pattern = pattern_of(graph, first, graph.nodes[static_cast<std::size_t>(reader)], read_once);
    if (pattern == nullptr) continue;
    const std::array members = {n, reader};
    // A sum that others read too must be there for them: add_norm stands at the sum.
    const bool at_first = std::string_view(pattern) == "add_norm";
    if (!can_fuse(graph, uses, members, at_first)) continue;
    fuse(graph, uses, members, pattern, at_first);
    return at_first ? n : reader;
  }
  return -1;
}

// The first node that may match otherwise since `fused` came to be: itself, or one that computes what it reads.
int first_affected(const Graph& graph, const Uses& uses, int fused) {
  int first = fused;
  for (const ValueId id : graph.nodes[static_cast<std::size_t>(fused)].inputs) {
    const int producer = uses.producer[static_cast<std::size_t>(id)];
    if (producer >= 0) first = std::min(first, producer);
  }
  return first;
}

}  // namespace

Result<Graph> fuse(Graph graph) {
  Uses uses(graph);
  const auto n_nodes = static_cast<int>(graph.nodes.size());
  for (bool again = true; again;) {
    again = false;
    for (int n = 0; n < n_nodes;) {
      const int fused = fuse_at(graph, uses, n);
      again = again || fused >= 0;
      n = fused < 0 ? n + 1 : first_affected(graph, uses, fused);
    }
  }
  close_holes(graph);
  return graph;
}

}  // namespace galago::graph
