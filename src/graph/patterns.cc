#include "graph/patterns.h"

#include <algorithm>

namespace galago::graph {
namespace {

// A full residual: both operands have the same shape.
bool is_residual_add(const Graph& graph, const Node& node) {
  return node.as<ops::Add>() != nullptr && graph.value(node.inputs[0]).type == graph.value(node.inputs[1]).type &&
         node.inputs[0] != node.inputs[1];
}

ValueId other_input(const Node& node, ValueId id) { return node.inputs[node.inputs[0] == id ? 1 : 0]; }

// Whether linears that can still get a prologue read `x` as their activations, and as nothing else.
bool takes_rows(const LinearsMatch& linears, ValueId x) {
  return !linears.norm && linears.x == x && linears.residual != x &&
         std::ranges::none_of(linears.parts, [x](const auto& part) { return part.weight == x || part.bias == x; });
}

Match norm_linears(const Neighbours& at) {
  const auto norm = norm_of(at.first);
  auto linears = linears_of(at.second);
  if (!norm || !linears || !at.passes_on() || !takes_rows(*linears, at.value())) return {};
  linears->norm = norm;
  return Match(*std::move(linears));
}

Match linear_residual(const Neighbours& at) {
  auto linears = linears_of(at.first);
  if (!linears || linears->parts.size() != 1 || linears->residual != kNoValue) return {};
  if (!at.passes_on() || !is_residual_add(at.graph, at.second)) return {};
  linears->residual = other_input(at.second, at.value());
  linears->parts[0].y = at.second.outputs[0];
  return Match(*std::move(linears));
}

Match gated_act(const Neighbours& at) {
  const auto* act = at.first.as<ops::Unary>();
  if (act == nullptr || at.second.as<ops::Mul>() == nullptr || !at.passes_on()) return {};
  const ValueId up = other_input(at.second, at.value());
  const bool same_type = at.graph.value(up).type == at.graph.value(at.value()).type;
  if (!same_type || up == at.value()) return {};
  return Match(GatedActMatch{act->kind, at.first.inputs[0], up, at.second.outputs[0]});
}

// The gated activation reads all that two linears give, and nothing else does.
Match gated_linears(const Neighbours& at) {
  const auto linears = linears_of(at.first);
  const auto* gated = at.second.match<GatedActMatch>();
  if (!linears || gated == nullptr || linears->parts.size() != 2 || gated->gate == gated->up) return {};
  const auto feeds = [&](const LinearsMatch::Part& part) {
    return (part.y == gated->gate || part.y == gated->up) && at.uses.read_once(at.graph, part.y);
  };
  if (!std::ranges::all_of(linears->parts, feeds)) return {};
  const std::size_t gate = linears->parts[0].y == gated->gate ? 0 : 1;
  GatedLinearsMatch match{.norm = linears->norm, .x = linears->x, .act = gated->act};
  match.gate = linears->parts[gate];
  match.up = linears->parts[1 - gate];
  match.y = gated->y;
  return Match(std::move(match));
}

Match gated_down(const Neighbours& at) {
  const auto* gated = at.first.match<GatedLinearsMatch>();
  const auto linears = linears_of(at.second);
  if (gated == nullptr || gated->down || !linears || linears->parts.size() != 1) return {};
  if (!at.passes_on() || !takes_rows(*linears, at.value())) return {};
  GatedLinearsMatch match = *gated;
  match.down = linears->parts[0];
  match.residual = linears->residual;
  return Match(std::move(match));
}

Match gated_residual(const Neighbours& at) {
  const auto* gated = at.first.match<GatedLinearsMatch>();
  if (gated == nullptr || !gated->down || gated->residual != kNoValue) return {};
  if (!at.passes_on() || !is_residual_add(at.graph, at.second)) return {};
  GatedLinearsMatch match = *gated;
  match.residual = other_input(at.second, at.value());
  match.down->y = at.second.outputs[0];
  return Match(std::move(match));
}

Match add_norm(const Neighbours& at) {
  if (at.first.as<ops::Add>() == nullptr || !is_residual_add(at.graph, at.first)) return {};
  const auto norm = norm_of(at.second);
  if (!norm || norm->x != at.value() || at.uses.read_once(at.graph, at.value())) return {};
  return Match(AddNormMatch{at.first.inputs[0], at.first.inputs[1], at.value(), *norm});
}

Match rope_append(const Neighbours& at) {
  const auto* rope = at.first.as<ops::Rope>();
  const auto* append = at.second.as<ops::KvAppend>();
  if (rope == nullptr || append == nullptr || !at.passes_on() || at.second.inputs.size() != 2) return {};
  if (at.second.inputs[0] != at.value() || at.second.inputs[1] == at.value()) return {};
  return Match(
      RopeAppendMatch{*rope, *append, at.first.inputs[0], at.first.inputs[1], at.first.inputs[2], at.second.inputs[1]});
}

}  // namespace

std::optional<NormMatch> norm_of(const Node& node) {
  NormMatch norm;
  if (const auto* rms = node.as<ops::RmsNorm>()) {
    norm.eps = rms->eps;
    norm.weight_plus_one = rms->weight_plus_one;
  } else if (const auto* layer = node.as<ops::LayerNorm>()) {
    norm.layer_norm = true;
    norm.eps = layer->eps;
    if (node.inputs.size() > 2) norm.bias = node.inputs[2];
  } else {
    return std::nullopt;
  }
  norm.x = node.inputs[0];
  norm.weight = node.inputs[1];
  norm.y = node.outputs[0];
  return norm;
}

std::optional<LinearsMatch> linears_of(const Node& node) {
  if (const auto* match = node.match<LinearsMatch>()) return *match;
  if (node.as<ops::Linear>() == nullptr) return std::nullopt;
  LinearsMatch linear{.x = node.inputs[0]};
  linear.parts.push_back({node.inputs[1], node.inputs.size() > 2 ? node.inputs[2] : kNoValue, node.outputs[0]});
  return linear;
}

namespace patterns {

const Pattern kGroup{"group"};
const Pattern kNormLinears{"norm_linears", norm_linears};
const Pattern kLinearResidual{"linear_residual", linear_residual};
const Pattern kGatedAct{"gated_act", gated_act};
const Pattern kGatedLinears{"gated_linears", gated_linears};
const Pattern kGatedDown{"gated_down", gated_down};
const Pattern kGatedResidual{"gated_residual", gated_residual};
// A sum that others read too must be there for them: the node stands at the sum.
const Pattern kAddNorm{"add_norm", add_norm, /*at_first=*/true};
const Pattern kRopeAppend{"rope_append", rope_append};

}  // namespace patterns

}  // namespace galago::graph
