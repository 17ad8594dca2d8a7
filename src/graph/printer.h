// Graphs as text and as Graphviz drawings.
#pragma once

#include <string>

#include "graph/graph.h"

namespace galago::graph {

// One line a node:  %7 = linear(%5, @model.norm.weight) {...}  : f32 (tokens, 576)
// The bodies of fused nodes are indented below them.
std::string to_text(const Graph& graph);

// Input of `dot -Tsvg`; weights are left out, fused nodes list their parts.
std::string to_dot(const Graph& graph);

}  // namespace galago::graph
