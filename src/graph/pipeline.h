// The passes in their order, and a stop after any of them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/backend.h"

namespace galago::graph {

// "trace" (no pass yet), "fold", "place", "copies", "group", "fuse", "pack".
std::span<const std::string_view> pass_names();

// Runs the passes up to and including `last`, verifying after each. An unknown name is an error that lists them.
Result<Graph> run_passes(Graph graph, std::span<const Backend* const> backends, std::string_view last = "pack");

}  // namespace galago::graph
