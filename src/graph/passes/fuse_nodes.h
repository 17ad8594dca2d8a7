// fuse: neighbours that a backend runs in one pass over the data.
#pragma once

#include <span>

#include "graph/backend.h"

namespace galago::graph {

// Applies each backend's patterns to its nodes wherever they fit, until none does. What the backend refuses once it is
// fused stays apart.
Result<Graph> fuse(Graph graph, std::span<const Backend* const> backends);

}  // namespace galago::graph
