// place: gives every node to the first backend that can run it.
#pragma once

#include <span>

#include "graph/backend.h"

namespace galago::graph {

// `backends` in order of preference. All nodes of a state go to the first backend that runs every one of them, which
// keeps the state. Fails with each backend's reason when none can run a node.
Result<Graph> place(Graph graph, std::span<const Backend* const> backends);

}  // namespace galago::graph
