// Edits that passes share: fusing nodes, replacing values, dropping what nothing reads.
#pragma once

#include <span>

#include "graph/graph.h"

namespace galago::graph {

// The nodes at `members` (ascending) as one node. Values that only members read become internal to its body, and
// kNoValue in `match`.
Node fused_node(const Graph& graph, const Uses& uses, std::span<const int> members, const Match& match);
// Puts `fused`, made of `members`, at the place of the last of them, or of the first when `at_first`. The caller makes
// sure that every outside input is computed before that place, and every outside reader comes after it; can_fuse()
// tells. The other members become holes, so that the numbers of nodes stay; `uses` follows. close_holes() comes after
// the last fuse().
void fuse(Graph& graph, Uses& uses, std::span<const int> members, Node fused, bool at_first);
void close_holes(Graph& graph);
bool can_fuse(const Graph& graph, const Uses& uses, std::span<const int> members, bool at_first);

// Gives the node's inputs, outputs and match other numbers.
void renumber_node(Node& node, FunctionRef<ValueId(ValueId)> number);

// Every reader of `from`, and the graph's outputs, read `to` instead. Before anything is fused.
void replace_value(Graph& graph, ValueId from, ValueId to);

// Removes stateless nodes whose outputs nobody reads, and constants and values that are left unused.
void remove_dead(Graph& graph);

}  // namespace galago::graph
