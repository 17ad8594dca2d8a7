// pack: names the layout in which the weights of linears and experts are stored for its backend.
#pragma once

#include <functional>

#include "graph/backend.h"

namespace galago::graph {

Result<Graph> pack(Graph graph, std::span<const Backend* const> backends);

// Calls `visit` with each value that a Linear or Moe of `node` reads as its weight, also inside a fused node.
void for_each_weight(const Node& node, const std::function<void(ValueId)>& visit);

}  // namespace galago::graph
