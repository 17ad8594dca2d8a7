// Checks that a graph is well formed: after tracing, and after every pass.
#pragma once

#include "graph/graph.h"

namespace galago::graph {

// Every value is defined once, before it is read, with the type that its op's shape rule gives; fused bodies are well
// formed themselves; state numbers exist; a state is appended to before it is attended to.
Status verify(const Graph& graph);

}  // namespace galago::graph
