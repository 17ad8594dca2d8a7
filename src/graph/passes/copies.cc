#include "graph/passes/copies.h"

#include <map>
#include <utility>

namespace galago::graph {
namespace {

class Copier {
 public:
  explicit Copier(Graph graph) : graph_(std::move(graph)), owner_(graph_.values.size()) {}

  Graph run() {
    std::vector<Node> nodes = std::move(graph_.nodes);
    graph_.nodes.clear();
    for (Node& node : nodes) {
      for (ValueId& id : node.inputs) id = on(node.backend, id);
      for (const ValueId id : node.outputs) owner_[static_cast<std::size_t>(id)] = node.backend;
      graph_.nodes.push_back(std::move(node));
    }
    return std::move(graph_);
  }

 private:
  // The value as `backend` reads it.
  ValueId on(const std::string& backend, ValueId id) {
    const Value value = graph_.value(id);
    std::string& owner = owner_[static_cast<std::size_t>(id)];
    if (owner.empty() && value.is_constant()) owner = backend;  // the first to read it
    if (owner.empty() || owner == backend) return id;
    const auto [known, is_new] = copies_.try_emplace({id, backend}, kNoValue);
    if (!is_new) return known->second;
    const std::string from = owner;
    known->second = graph_.add_value(value);
    owner_.push_back(backend);
    if (!value.is_constant()) {
      graph_.nodes.push_back({.op = Copy{from}, .inputs = {id}, .outputs = {known->second}, .backend = backend});
    }
    return known->second;
  }

  Graph graph_;
  std::vector<std::string> owner_;  // the backend of each value; empty: an input, or a constant that nobody read yet
  std::map<std::pair<ValueId, std::string>, ValueId> copies_;
};

}  // namespace

Result<Graph> insert_copies(Graph graph) { return Copier(std::move(graph)).run(); }

}  // namespace galago::graph
