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

// The gated activation of a body's nodes `first` and `first` + 1, by the body's own ids.
std::optional<GatedPattern> gated_at(const Body& body, std::size_t first) {
  if (first + 2 > body.nodes().size()) return std::nullopt;
  const auto* act = body.nodes()[first].as<ops::Unary>();
  const Node& mul = body.nodes()[first + 1];
  if (act == nullptr || mul.as<ops::Mul>() == nullptr || !has_kernel(act->kind)) return std::nullopt;
  const ValueId activated = body.nodes()[first].outputs[0];
  const auto up = body.other(mul, activated);
  if (!up || !body.is_inner(activated)) return std::nullopt;
  return GatedPattern{act->kind, body.nodes()[first].inputs[0], *up, mul.outputs[0]};
}

// A walk along the nodes of a body whose parts follow each other: a norm, linears, a residual.
class Walk {
 public:
  explicit Walk(const Body& body) : body_(body) {}

  std::size_t at() const { return at_; }
  bool at_end() const { return at_ == body_.nodes().size(); }
  void skip(std::size_t nodes) { at_ += nodes; }

  // The norm in front, if there is one, and in `x` what linears read of it: by the body's own id.
  std::optional<NormPattern> norm(ValueId* x) {
    const Node& first = body_.nodes()[at_];
    auto norm = norm_of(first, [this](ValueId id) { return body_.outer(id); });
    *x = norm ? first.outputs[0] : first.inputs[0];
    if (norm) ++at_;
    return norm;
  }

  // The linears of x that come next. Nothing when there are none, or one whose weight is made inside.
  std::vector<LinearsPattern::Part> linears(ValueId x) {
    std::vector<LinearsPattern::Part> parts;
    for (; !at_end() && body_.nodes()[at_].as<ops::Linear>() != nullptr; ++at_) {
      const Node& linear = body_.nodes()[at_];
      parts.push_back(part_of(linear, [this](ValueId id) { return body_.outer(id); }));
      if (linear.inputs[0] != x || parts.back().weight == kNoValue) return {};
    }
    return parts;
  }

  // The residual that ends the body: the part then gives the sum. False when there is anything else.
  bool residual(LinearsPattern::Part* part, ValueId* residual) {
    if (at_end()) return true;
    const Node& last = body_.nodes()[at_];
    const ValueId sum_input = body_.nodes()[at_ - 1].outputs[0];
    if (at_ + 1 != body_.nodes().size() || last.as<ops::Add>() == nullptr) return false;
    const auto other = body_.other(last, sum_input);
    if (!other || !body_.is_inner(sum_input) || body_.is_inner(*other)) return false;
    *residual = body_.outer(*other);
    part->y = body_.outer(last.outputs[0]);
    ++at_;
    return true;
  }

 private:
  const Body& body_;
  std::size_t at_ = 0;
};

}  // namespace

bool has_kernel(ops::UnaryKind kind) { return kind != ops::UnaryKind::kRelu2; }

std::optional<NormPattern> match_norm(const Node& node) { return norm_of(node, kSame); }

std::optional<GatedPattern> match_gated(const Node& node) {
  if (!is_fused(node, "gated_act") || node.fused()->body->nodes.size() != 2) return std::nullopt;
  const Body body(node);
  auto gated = gated_at(body, 0);
  if (!gated || body.is_inner(gated->up)) return std::nullopt;
  return GatedPattern{gated->act, body.outer(gated->gate), body.outer(gated->up), body.outer(gated->y)};
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
  Walk walk(body);
  ValueId x = kNoValue;
  pattern.norm = walk.norm(&x);
  pattern.x = body.outer(x);
  if (body.is_inner(x) != pattern.norm.has_value()) return std::nullopt;
  pattern.parts = walk.linears(x);
  if (pattern.parts.empty()) return std::nullopt;
  if (pattern.parts.size() == 1 && !walk.residual(&pattern.parts[0], &pattern.residual)) return std::nullopt;
  return walk.at_end() ? std::optional(pattern) : std::nullopt;
}

std::optional<GatedLinearsPattern> match_gated_linears(const Node& node) {
  if (!is_fused(node, "gated_linears")) return std::nullopt;
  const Body body(node);
  Walk walk(body);
  GatedLinearsPattern pattern;
  ValueId x = kNoValue;
  pattern.norm = walk.norm(&x);
  pattern.x = body.outer(x);
  if (body.is_inner(x) != pattern.norm.has_value()) return std::nullopt;
  const std::size_t first = walk.at();
  const auto parts = walk.linears(x);
  const auto gated = gated_at(body, walk.at());
  if (parts.size() != 2 || !gated || !body.is_inner(gated->gate) || !body.is_inner(gated->up)) return std::nullopt;
  const auto given = [&](std::size_t i) { return body.nodes()[first + i].outputs[0]; };
  const std::size_t gate = given(0) == gated->gate ? 0 : 1;
  if (given(gate) != gated->gate || given(1 - gate) != gated->up) return std::nullopt;
  pattern.act = gated->act;
  pattern.gate = parts[gate];
  pattern.up = parts[1 - gate];
  pattern.y = body.outer(gated->y);
  walk.skip(2);
  if (walk.at_end()) return pattern.y != kNoValue ? std::optional(pattern) : std::nullopt;
  const auto down = walk.linears(gated->y);
  if (pattern.y != kNoValue || down.size() != 1) return std::nullopt;
  pattern.down = down[0];
  return walk.residual(&*pattern.down, &pattern.residual) ? std::optional(pattern) : std::nullopt;
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
  return match_linears(node) || match_gated_linears(node) || match_gated(node) || match_add_norm(node) ||
         match_rope_append(node);
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
