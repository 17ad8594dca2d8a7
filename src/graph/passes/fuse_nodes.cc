#include "graph/passes/fuse_nodes.h"

#include <algorithm>
#include <array>

#include "graph/rewrite.h"

namespace galago::graph {
namespace {

bool is_fused(const Node& node, std::string_view pattern) {
  return node.fused() != nullptr && node.fused()->pattern == pattern;
}

bool is_linears(const Node& node) { return node.as<ops::Linear>() != nullptr || is_fused(node, "linears"); }

bool is_norm(const Node& node) { return node.as<ops::RmsNorm>() != nullptr || node.as<ops::LayerNorm>() != nullptr; }

// Whether the rows of a "linears" node come from outside, so that a prologue can still be put before it.
bool lacks_prologue(const Node& node) {
  return node.fused() == nullptr || node.fused()->body->nodes.front().as<ops::Linear>() != nullptr;
}

int linear_count(const Node& node) {
  if (node.as<ops::Linear>() != nullptr) return 1;
  const auto& parts = node.fused()->body->nodes;
  return static_cast<int>(
      std::count_if(parts.begin(), parts.end(), [](const Node& part) { return part.as<ops::Linear>() != nullptr; }));
}

// Whether a node gives the result of one linear, to which a residual can still be added.
bool ends_with_linear(const Node& node) {
  if (is_linears(node) && linear_count(node) != 1) return false;
  if (!is_linears(node) && !is_fused(node, "gated_linears")) return false;
  return node.fused() == nullptr || node.fused()->body->nodes.back().as<ops::Linear>() != nullptr;
}

// Whether `gated` reads all that `linears` gives, two values, and nothing else does.
bool gates_both(const Graph& graph, const Uses& uses, const Node& linears, const Node& gated) {
  if (!is_linears(linears) || !is_fused(gated, "gated_act") || linears.outputs.size() != 2) return false;
  if (linear_count(linears) != 2 || gated.inputs.size() != 2) return false;
  return std::ranges::all_of(linears.outputs, [&](ValueId id) {
    return uses.read_once(graph, id) && std::ranges::count(gated.inputs, id) == 1;
  });
}

// A full residual: both operands have the same shape.
bool is_residual_add(const Graph& graph, const Node& node) {
  return node.as<ops::Add>() != nullptr && graph.value(node.inputs[0]).type == graph.value(node.inputs[1]).type &&
         node.inputs[0] != node.inputs[1];
}

// Whether `second` may directly follow `first` in one node, and under which name; nullptr: no.
const char* pattern_of(const Graph& graph, const Uses& uses, const Node& first, const Node& second) {
  if (first.outputs.empty() || first.backend != second.backend) return nullptr;
  const ValueId value = first.outputs[0];
  const bool read_once = uses.read_once(graph, value);
  if (first.as<ops::Add>() != nullptr && is_norm(second) && !read_once && is_residual_add(graph, first)) {
    return second.inputs[0] == value ? "add_norm" : nullptr;
  }
  if (gates_both(graph, uses, first, second)) return "gated_linears";
  if (!read_once || first.outputs.size() != 1) return nullptr;
  if (first.as<ops::Unary>() != nullptr && second.as<ops::Mul>() != nullptr) {
    const bool same_shape = graph.value(second.inputs[0]).type == graph.value(second.inputs[1]).type;
    return same_shape && second.inputs[0] != second.inputs[1] ? "gated_act" : nullptr;
  }
  if (is_norm(first) && is_linears(second) && lacks_prologue(second)) {
    return second.inputs[0] == value ? "linears" : nullptr;
  }
  const bool gives_product =
      is_fused(first, "gated_linears") && first.fused()->body->nodes.back().as<ops::Mul>() != nullptr;
  if (gives_product && is_linears(second) && lacks_prologue(second)) {
    return second.inputs[0] == value && linear_count(second) == 1 ? "gated_linears" : nullptr;
  }
  if (ends_with_linear(first) && is_residual_add(graph, second)) return is_linears(first) ? "linears" : "gated_linears";
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
  for (const int reader : uses.readers[static_cast<std::size_t>(value)]) {
    const char* pattern = pattern_of(graph, uses, first, graph.nodes[static_cast<std::size_t>(reader)]);
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
