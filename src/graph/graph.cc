#include "graph/graph.h"

#include <algorithm>

#include "base/try.h"

namespace galago::graph {
namespace {

// The output types of a fused node: its body's shape rules applied to the actual inputs.
Result<ops::TensorTypes> infer_body(const Graph& body, std::span<const TensorType> inputs) {
  std::vector<TensorType> types;
  for (const Value& value : body.values) types.push_back(value.type);
  for (std::size_t i = 0; i < body.inputs.size() && i < inputs.size(); ++i) {
    types[static_cast<std::size_t>(body.inputs[i])] = inputs[i];
  }
  for (const Node& node : body.nodes) {
    ops::TensorTypes arguments;
    for (const ValueId id : node.inputs) arguments.push_back(types[static_cast<std::size_t>(id)]);
    GALAGO_TRY(const ops::TensorTypes results, infer(node, arguments));
    for (std::size_t i = 0; i < results.size(); ++i) types[static_cast<std::size_t>(node.outputs[i])] = results[i];
  }
  ops::TensorTypes outputs;
  for (const ValueId id : body.outputs) outputs.push_back(types[static_cast<std::size_t>(id)]);
  return outputs;
}

}  // namespace

ValueId Graph::add_value(Value value) {
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size()) - 1;
}

std::string_view name(const Node& node) {
  if (const Fused* fused = node.fused()) return fused->match.name();
  if (node.copy() != nullptr) return "copy";
  return ops::name(std::get<ops::AnyOp>(node.op));
}

bool has_state(const Node& node) {
  if (const Fused* fused = node.fused()) {
    return std::any_of(fused->body->nodes.begin(), fused->body->nodes.end(),
                       [](const Node& n) { return has_state(n); });
  }
  const auto* plain = std::get_if<ops::AnyOp>(&node.op);
  return plain != nullptr && ops::has_state(*plain);
}

void for_each_state(const Node& node, const std::function<void(int state)>& visit) {
  if (const Fused* fused = node.fused()) {
    for (const Node& part : fused->body->nodes) for_each_state(part, visit);
  } else if (has_state(node)) {
    visit(ops::state_of(std::get<ops::AnyOp>(node.op)));
  }
}

void for_each_weight(const Node& node, const std::function<void(ValueId)>& visit) {
  if (const auto* plain = std::get_if<ops::AnyOp>(&node.op)) {
    for (const std::size_t input : ops::weight_inputs(*plain)) visit(node.inputs[input]);
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

Result<ops::TensorTypes> infer(const Node& node, std::span<const TensorType> inputs) {
  if (const Fused* fused = node.fused()) return infer_body(*fused->body, inputs);
  if (node.copy() != nullptr) return ops::TensorTypes(inputs.begin(), inputs.end());
  return ops::infer(std::get<ops::AnyOp>(node.op), inputs);
}

Uses::Uses(const Graph& graph) : producer(graph.values.size(), -1), readers(graph.values.size()) {
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    for (const ValueId id : graph.nodes[n].outputs) producer[static_cast<std::size_t>(id)] = static_cast<int>(n);
    for (const ValueId id : graph.nodes[n].inputs) {
      auto& list = readers[static_cast<std::size_t>(id)];
      if (list.empty() || list.back() != static_cast<int>(n)) list.push_back(static_cast<int>(n));
    }
  }
}

bool Uses::read_once(const Graph& graph, ValueId id) const {
  const bool is_output = std::find(graph.outputs.begin(), graph.outputs.end(), id) != graph.outputs.end();
  return !is_output && readers[static_cast<std::size_t>(id)].size() == 1;
}

std::vector<SymbolBound> symbols(std::span<const TensorType> inputs) {
  std::vector<SymbolBound> found;
  for (const TensorType& input : inputs) {
    for (const Dim& dim : input.shape.dims()) {
      const auto same = [&dim](const SymbolBound& symbol) { return symbol.name == dim.name(); };
      if (dim.is_constant() || std::any_of(found.begin(), found.end(), same)) continue;
      found.push_back({dim.name(), dim.symbol_bound()});
    }
  }
  return found;
}

std::vector<SymbolBound> symbols(const Graph& graph) {
  std::vector<TensorType> types;
  for (const ValueId id : graph.inputs) types.push_back(graph.value(id).type);
  return symbols(types);
}

}  // namespace galago::graph
