#include "graph/rewrite.h"

#include <algorithm>

namespace galago::graph {
namespace {

bool contains(std::span<const int> sorted, int n) { return std::binary_search(sorted.begin(), sorted.end(), n); }

// Copies `id` of `graph` into `body` once; `copies` remembers where it went (-1: not yet).
ValueId copy_value(const Graph& graph, ValueId id, Graph& body, std::vector<ValueId>& copies) {
  ValueId& copy = copies[static_cast<std::size_t>(id)];
  if (copy < 0) {
    const Value& value = graph.value(id);
    copy = body.add_value({.type = value.type, .name = value.name});
  }
  return copy;
}

// Appends a member to the body: itself, or the parts of a member that is already fused.
void append_part(const Node& node, Graph& body, const std::vector<ValueId>& copies) {
  const auto copied = [&copies](ValueId id) { return copies[static_cast<std::size_t>(id)]; };
  const Fused* fused = node.fused();
  if (fused == nullptr) {
    Node part{.op = node.op, .backend = node.backend};
    for (const ValueId id : node.inputs) part.inputs.push_back(copied(id));
    for (const ValueId id : node.outputs) part.outputs.push_back(copied(id));
    body.nodes.push_back(std::move(part));
    return;
  }
  const Graph& inner = *fused->body;
  std::vector<ValueId> inner_copies(inner.values.size(), -1);
  for (std::size_t i = 0; i < inner.inputs.size(); ++i) {
    inner_copies[static_cast<std::size_t>(inner.inputs[i])] = copied(node.inputs[i]);
  }
  for (std::size_t i = 0; i < inner.outputs.size(); ++i) {
    inner_copies[static_cast<std::size_t>(inner.outputs[i])] = copied(node.outputs[i]);
  }
  for (const Node& part : inner.nodes) {
    for (const ValueId id : part.outputs) copy_value(inner, id, body, inner_copies);
    append_part(part, body, inner_copies);
  }
}

// Whether a value computed by a member is needed outside of the fused node.
bool leaves(const Graph& graph, const Uses& uses, std::span<const int> members, ValueId id) {
  const auto& readers = uses.readers[static_cast<std::size_t>(id)];
  return std::any_of(readers.begin(), readers.end(), [&](int reader) { return !contains(members, reader); }) ||
         std::find(graph.outputs.begin(), graph.outputs.end(), id) != graph.outputs.end();
}

// What reads and computes the values of `members` once `fused` at `place` stands for them.
void update_uses(const Graph& graph, Uses& uses, std::span<const int> members, int place, const Node& fused) {
  for (const int m : members) {
    const Node& node = graph.nodes[static_cast<std::size_t>(m)];
    for (const ValueId id : node.outputs) uses.producer[static_cast<std::size_t>(id)] = -1;
    for (const auto* ids : {&node.inputs, &node.outputs}) {
      for (const ValueId id : *ids) {
        std::erase_if(uses.readers[static_cast<std::size_t>(id)], [&](int n) { return contains(members, n); });
      }
    }
  }
  for (const ValueId id : fused.outputs) uses.producer[static_cast<std::size_t>(id)] = place;
  for (const ValueId id : fused.inputs) {
    auto& readers = uses.readers[static_cast<std::size_t>(id)];
    readers.insert(std::lower_bound(readers.begin(), readers.end(), place), place);
  }
}

}  // namespace

Node fused_node(const Graph& graph, const Uses& uses, std::span<const int> members, const Match& match) {
  auto body = std::make_shared<Graph>();
  body->name = kFragmentName;
  body->states = graph.states;
  std::vector<ValueId> copies(graph.values.size(), -1);
  Node fused;
  for (const int m : members) {
    const Node& node = graph.nodes[static_cast<std::size_t>(m)];
    for (const ValueId id : node.inputs) {
      if (contains(members, uses.producer[static_cast<std::size_t>(id)])) continue;
      if (copies[static_cast<std::size_t>(id)] >= 0) continue;
      body->inputs.push_back(copy_value(graph, id, *body, copies));
      fused.inputs.push_back(id);
    }
    for (const ValueId id : node.outputs) copy_value(graph, id, *body, copies);
    append_part(node, *body, copies);
    fused.backend = node.backend;
  }
  for (const int m : members) {
    for (const ValueId id : graph.nodes[static_cast<std::size_t>(m)].outputs) {
      if (!leaves(graph, uses, members, id)) continue;
      body->outputs.push_back(copies[static_cast<std::size_t>(id)]);
      body->output_names.push_back("out" + std::to_string(body->outputs.size() - 1));
      fused.outputs.push_back(id);
    }
  }
  const auto seen = [&fused](ValueId id) {
    const bool outside = std::ranges::count(fused.inputs, id) > 0 || std::ranges::count(fused.outputs, id) > 0;
    return outside ? id : kNoValue;
  };
  fused.op = Fused{match.renumbered(seen), std::move(body)};
  return fused;
}

void fuse(Graph& graph, Uses& uses, std::span<const int> members, Node fused, bool at_first) {
  const int place = at_first ? members.front() : members.back();
  update_uses(graph, uses, members, place, fused);
  for (const int m : members) graph.nodes[static_cast<std::size_t>(m)] = Node{};
  graph.nodes[static_cast<std::size_t>(place)] = std::move(fused);
}

void close_holes(Graph& graph) {
  std::erase_if(graph.nodes, [](const Node& node) {
    const auto* plain = std::get_if<ops::AnyOp>(&node.op);
    return plain != nullptr && std::holds_alternative<std::monostate>(*plain);
  });
}

bool can_fuse(const Graph& graph, const Uses& uses, std::span<const int> members, bool at_first) {
  const int place = at_first ? members.front() : members.back();
  for (const int m : members) {
    const Node& node = graph.nodes[static_cast<std::size_t>(m)];
    for (const ValueId id : node.inputs) {
      const int producer = uses.producer[static_cast<std::size_t>(id)];
      if (producer >= place && !contains(members, producer)) return false;
    }
    for (const ValueId id : node.outputs) {
      for (const int reader : uses.readers[static_cast<std::size_t>(id)]) {
        if (reader < place && !contains(members, reader)) return false;
      }
    }
  }
  // Stateful nodes between the members would change places with them.
  bool state_inside = false;
  for (const int m : members) state_inside = state_inside || has_state(graph.nodes[static_cast<std::size_t>(m)]);
  if (!state_inside) return true;
  for (int n = members.front(); n <= members.back(); ++n) {
    if (!contains(members, n) && has_state(graph.nodes[static_cast<std::size_t>(n)])) return false;
  }
  return true;
}

void renumber_node(Node& node, FunctionRef<ValueId(ValueId)> number) {
  for (ValueId& id : node.inputs) id = number(id);
  for (ValueId& id : node.outputs) id = number(id);
  if (auto* fused = std::get_if<Fused>(&node.op)) fused->match = fused->match.renumbered(number);
}

void replace_value(Graph& graph, ValueId from, ValueId to) {
  for (Node& node : graph.nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  std::replace(graph.outputs.begin(), graph.outputs.end(), from, to);
}

void remove_dead(Graph& graph) {
  std::vector<bool> needed(graph.values.size(), false);
  for (const ValueId id : graph.outputs) needed[static_cast<std::size_t>(id)] = true;
  for (const ValueId id : graph.inputs) needed[static_cast<std::size_t>(id)] = true;
  std::vector<bool> live(graph.nodes.size(), false);
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    live[n] = has_state(node) || std::any_of(node.outputs.begin(), node.outputs.end(),
                                             [&needed](ValueId id) { return needed[static_cast<std::size_t>(id)]; });
    if (!live[n]) continue;
    for (const ValueId id : node.inputs) needed[static_cast<std::size_t>(id)] = true;
    for (const ValueId id : node.outputs) needed[static_cast<std::size_t>(id)] = true;
  }
  std::vector<Node> nodes;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    if (live[n]) nodes.push_back(std::move(graph.nodes[n]));
  }
  graph.nodes = std::move(nodes);
  // Close the gaps in the numbering of values.
  std::vector<ValueId> renumbered(graph.values.size(), -1);
  std::vector<Value> values;
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (!needed[i]) continue;
    renumbered[i] = static_cast<ValueId>(values.size());
    values.push_back(std::move(graph.values[i]));
  }
  graph.values = std::move(values);
  const auto renumber = [&renumbered](std::vector<ValueId>& ids) {
    for (ValueId& id : ids) id = renumbered[static_cast<std::size_t>(id)];
  };
  renumber(graph.inputs);
  renumber(graph.outputs);
  const auto number = [&renumbered](ValueId id) { return renumbered[static_cast<std::size_t>(id)]; };
  for (Node& node : graph.nodes) renumber_node(node, number);
}

}  // namespace galago::graph
