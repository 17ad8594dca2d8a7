// group: linears that read the same input become one node over separately packed weights (q, k, v; gate, up), also when
// their element types differ. The input is normalized, quantized and read once.
#pragma once

#include "graph/graph.h"

namespace galago::graph {

Result<Graph> group(Graph graph);

}  // namespace galago::graph
