#include "backends/cpu/patterns.h"

#include <algorithm>
#include <array>

namespace galago::cpu {
namespace {

using graph::Fused;
using graph::Graph;
using graph::Node;

// A fused node's body: its values by their ids in the outer graph.
class Body {
 public:
  explicit Body(const Node& node) : body_(*node.fused()->body), outer_(body_.values.size(), kNoValue) {
    for (std::size_t i = 0; i < body_.inputs.size(); ++i) outer_[index(body_.inputs[i])] = node.inputs[i];
    for (std::size_t i = 0; i < body_.outputs.size(); ++i) outer_[index(body_.outputs[i])] = node.outputs[i];
  }

  const std::vector<Node>& nodes() const { return body_.nodes; }
  ValueId outer(ValueId inner) const { return outer_[index(inner)]; }
  // Whether the value neither enters nor leaves the fused node.
  bool is_inner(ValueId inner) const { return outer(inner) == kNoValue; }
  // The other input of a node of two, one of which is `inner`; nothing when neither or both are.
  std::optional<ValueId> other(const Node& node, ValueId inner) const {
    if ((node.inputs[0] == inner) == (node.inputs[1] == inner)) return std::nullopt;
    return node.inputs[0] == inner ? node.inputs[1] : node.inputs[0];
  }

 private:
  static std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }
  const Graph& body_;
  std::vector<ValueId> outer_;
};

bool is_fused(const Node& node, std::string_view pattern) {
  return node.fused() != nullptr && node.fused()->pattern == pattern;
}

// A norm whose values are found by `outer`.
template <class Outer>
std::optional<NormPattern> norm_of(const Node& node, Outer outer) {
  NormPattern norm;
  if (const auto* rms = node.as<ops::RmsNorm>()) {
    norm.eps = rms->eps;
    norm.weight_plus_one = rms->weight_plus_one;
  } else if (const auto* layer = node.as<ops::LayerNorm>()) {
    norm.layer_norm = true;
    norm.eps = layer->eps;
    if (node.inputs.size() > 2) norm.bias = outer(node.inputs[2]);
  } else {
    return std::nullopt;
  }
  norm.x = outer(node.inputs[0]);
  norm.weight = outer(node.inputs[1]);
  norm.y = outer(node.outputs[0]);
  return norm;
}

template <class Outer>
LinearsPattern::Part part_of(const Node& linear, Outer outer) {
  return {outer(linear.inputs[1]), linear.inputs.size() > 2 ? outer(linear.inputs[2]) : kNoValue,
          outer(linear.outputs[0])};
}

constexpr auto kSame = [](ValueId id) { return id; };

std::optional<GatedPattern> gated_of(const Body& body) {
  const auto* act = body.nodes()[0].as<ops::Unary>();
  const Node& mul = body.nodes()[1];
  if (act == nullptr || mul.as<ops::Mul>() == nullptr || !has_kernel(act->kind)) return std::nullopt;
  const auto up = body.other(mul, body.nodes()[0].outputs[0]);
  if (!up || !body.is_inner(body.nodes()[0].outputs[0]) || body.is_inner(*up)) return std::nullopt;
  return GatedPattern{act->kind, body.outer(body.nodes()[0].inputs[0]), body.outer(*up), body.outer(mul.outputs[0])};
}

// The prologue of a "linears" body: how many nodes it has; nothing when it is none that the kernels have.
std::optional<std::size_t> match_prologue(const Body& body, LinearsPattern* pattern) {
  const std::vector<Node>& nodes = body.nodes();
  if (nodes[0].as<ops::Linear>() != nullptr) return 0;
  pattern->norm = norm_of(nodes[0], [&body](ValueId id) { return body.outer(id); });
  if (pattern->norm) return 1;
  if (nodes.size() < 3) return std::nullopt;
  pattern->gated = gated_of(body);
  return pattern->gated ? std::optional<std::size_t>(2) : std::nullopt;
}

// The linears of a body from node `first` on, and the residual after a single one. False when there is anything else.
bool match_parts(const Body& body, std::size_t first, LinearsPattern* pattern) {
  const std::vector<Node>& nodes = body.nodes();
  const ValueId x = first > 0 ? nodes[first - 1].outputs[0] : nodes[0].inputs[0];
  if (first > 0 && !body.is_inner(x)) return false;
  pattern->x = body.outer(x);
  std::size_t n = first;
  for (; n < nodes.size() && nodes[n].as<ops::Linear>() != nullptr; ++n) {
    if (nodes[n].inputs[0] != x) return false;
    pattern->parts.push_back(part_of(nodes[n], [&body](ValueId id) { return body.outer(id); }));
    if (pattern->parts.back().weight == kNoValue) return false;
  }
  if (n == nodes.size()) return !pattern->parts.empty();
  const ValueId sum_input = pattern->parts.size() == 1 ? nodes[n - 1].outputs[0] : kNoValue;
  if (n + 1 != nodes.size() || nodes[n].as<ops::Add>() == nullptr || sum_input == kNoValue) return false;
  const auto residual = body.other(nodes[n], sum_input);
  if (!residual || !body.is_inner(sum_input) || body.is_inner(*residual)) return false;
  pattern->residual = body.outer(*residual);
  pattern->parts[0].y = body.outer(nodes[n].outputs[0]);
  return true;
}

}  // namespace

bool has_kernel(ops::UnaryKind kind) { return kind != ops::UnaryKind::kRelu2; }

std::optional<NormPattern> match_norm(const Node& node) { return norm_of(node, kSame); }

std::optional<GatedPattern> match_gated(const Node& node) {
  if (!is_fused(node, "gated_act") || node.fused()->body->nodes.size() != 2) return std::nullopt;
  return gated_of(Body(node));
}

std::optional<LinearsPattern> match_linears(const Node& node) {
  LinearsPattern pattern;
  if (node.as<ops::Linear>() != nullptr) {
    pattern.x = node.inputs[0];
    pattern.parts.push_back(part_of(node, kSame));
    return pattern;
  }
  if (!is_fused(node, "linears")) return std::nullopt;
  const Body body(node);
  const auto first = match_prologue(body, &pattern);
  if (!first || !match_parts(body, *first, &pattern)) return std::nullopt;
  return pattern;
}

std::optional<AddNormPattern> match_add_norm(const Node& node) {
  if (!is_fused(node, "add_norm") || node.fused()->body->nodes.size() != 2) return std::nullopt;
  const Body body(node);
  const Node& add = body.nodes()[0];
  const auto norm = norm_of(body.nodes()[1], [&body](ValueId id) { return body.outer(id); });
  if (add.as<ops::Add>() == nullptr || !norm || body.nodes()[1].inputs[0] != add.outputs[0]) return std::nullopt;
  if (norm->y == kNoValue) return std::nullopt;
  return AddNormPattern{body.outer(add.inputs[0]), body.outer(add.inputs[1]), body.outer(add.outputs[0]), *norm};
}

std::optional<RopeAppendPattern> match_rope_append(const Node& node) {
  if (!is_fused(node, "rope_append") || node.fused()->body->nodes.size() != 2) return std::nullopt;
  const Body body(node);
  const Node& rope = body.nodes()[0];
  const Node& append = body.nodes()[1];
  if (rope.as<ops::Rope>() == nullptr || append.as<ops::KvAppend>() == nullptr) return std::nullopt;
  if (append.inputs.size() != 2) return std::nullopt;
  if (append.inputs[0] != rope.outputs[0] || append.inputs[1] == rope.outputs[0]) return std::nullopt;
  if (!body.is_inner(rope.outputs[0])) return std::nullopt;
  return RopeAppendPattern{*rope.as<ops::Rope>(),      *append.as<ops::KvAppend>(), body.outer(rope.inputs[0]),
                           body.outer(rope.inputs[1]), body.outer(rope.inputs[2]),  body.outer(append.inputs[1])};
}

bool matches(const Node& node) {
  return match_linears(node) || match_gated(node) || match_add_norm(node) || match_rope_append(node);
}

Graph unfuse_unmatched(Graph graph) {
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    if (node.fused() == nullptr || matches(node)) {
      nodes.push_back(std::move(node));
      continue;
    }
    const std::shared_ptr<const Graph> body = node.fused()->body;
    const Body map(node);
    std::vector<ValueId> outer(body->values.size());
    for (std::size_t i = 0; i < outer.size(); ++i) {
      const auto inner = static_cast<ValueId>(i);
      outer[i] = map.is_inner(inner) ? graph.add_value({.type = body->values[i].type}) : map.outer(inner);
    }
    for (Node part : body->nodes) {
      for (ValueId& id : part.inputs) id = outer[static_cast<std::size_t>(id)];
      for (ValueId& id : part.outputs) id = outer[static_cast<std::size_t>(id)];
      nodes.push_back(std::move(part));
    }
  }
  graph.nodes = std::move(nodes);
  return graph;
}

}  // namespace galago::cpu
