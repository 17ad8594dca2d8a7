// fuse: neighbours that a backend runs in one pass over the data.
#pragma once

#include "graph/graph.h"

namespace galago::graph {

// Patterns, each applied wherever it fits:
//   gated_act      act(gate) * up
//   linears        [norm] → linear, ... [→ + residual, of a single linear]
//   gated_linears  [norm] → two linears → gated_act [→ linear [→ + residual]]
//   add_norm       a + b → norm, when the sum is needed too
//   rope_append    rope(k) → kv_append
Result<Graph> fuse(Graph graph);

}  // namespace galago::graph
