// copies: what one backend computes and another reads is copied into its memory, once.
#pragma once

#include "graph/graph.h"

namespace galago::graph {

// Puts a Copy before the first node that reads the value on another backend, and gives each backend constants of its
// own, which it may store as it likes. The inputs of the graph come from the host to whoever reads them.
Result<Graph> insert_copies(Graph graph);

}  // namespace galago::graph
