#include "graph/passes/fuse_nodes.h"

#include <algorithm>
#include <array>

#include "graph/rewrite.h"

namespace galago::graph {
namespace {

class Fuser {
 public:
  Fuser(Graph graph, std::span<const Backend* const> backends)
      : graph_(std::move(graph)), uses_(graph_), backends_(backends) {}

  Graph run() {
    const auto n_nodes = static_cast<int>(graph_.nodes.size());
    for (bool again = true; again;) {
      again = false;
      for (int n = 0; n < n_nodes;) {
        const int fused = fuse_at(n);
        again = again || fused >= 0;
        n = fused < 0 ? n + 1 : first_affected(fused);
      }
    }
    close_holes(graph_);
    return std::move(graph_);
  }

 private:
  const Node& node(int n) const { return graph_.nodes[static_cast<std::size_t>(n)]; }

  // Fuses node `n` with one that reads its first output, if they match. The fused node, or -1.
  int fuse_at(int n) {
    if (node(n).outputs.empty()) return -1;
    const Backend* backend = backend_of(node(n), backends_);
    if (backend == nullptr) return -1;
    for (const int reader : uses_.readers[static_cast<std::size_t>(node(n).outputs[0])]) {
      if (node(reader).backend != node(n).backend || node(reader).copy() != nullptr) continue;
      for (const Pattern* pattern : backend->patterns()) {
        if (fuse_as(*pattern, *backend, n, reader)) return pattern->at_first ? n : reader;
      }
    }
    return -1;
  }

  bool fuse_as(const Pattern& pattern, const Backend& backend, int first, int second) {
    if (pattern.join == nullptr) return false;
    const Match match = pattern.join({graph_, uses_, node(first), node(second)});
    const std::array members = {first, second};
    if (!match || !can_fuse(graph_, uses_, members, pattern.at_first)) return false;
    Node fused = fused_node(graph_, uses_, members, match);
    if (backend.refuses(fused, graph_)) return false;
    fuse(graph_, uses_, members, std::move(fused), pattern.at_first);
    return true;
  }

  // The first node that may match otherwise since `fused` came to be: itself, or one that computes what it reads.
  int first_affected(int fused) const {
    int first = fused;
    for (const ValueId id : node(fused).inputs) {
      const int producer = uses_.producer[static_cast<std::size_t>(id)];
      if (producer >= 0) first = std::min(first, producer);
    }
    return first;
  }

  Graph graph_;
  Uses uses_;
  std::span<const Backend* const> backends_;
};

}  // namespace

Result<Graph> fuse(Graph graph, std::span<const Backend* const> backends) {
  return Fuser(std::move(graph), backends).run();
}

}  // namespace galago::graph
