// pack: names the layout in which each weight of an op is stored for its backend.
#pragma once

#include <span>

#include "graph/backend.h"

namespace galago::graph {

Result<Graph> pack(Graph graph, std::span<const Backend* const> backends);

}  // namespace galago::graph
