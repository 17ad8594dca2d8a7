// group: linears that read the same input become one node over separately packed weights (q, k, v; gate, up), also when
// their element types differ. The input is normalized, quantized and read once. For backends with patterns::kGroup.
#pragma once

#include <span>

#include "graph/backend.h"

namespace galago::graph {

Result<Graph> group(Graph graph, std::span<const Backend* const> backends);

}  // namespace galago::graph
