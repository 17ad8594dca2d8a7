// fold: computes what depends on constants alone, drops reshapes that change nothing and whatever nobody reads.
#pragma once

#include "graph/graph.h"

namespace galago::graph {

Result<Graph> fold(Graph graph);

}  // namespace galago::graph
