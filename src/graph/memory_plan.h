// Where each value of a graph lives in the one arena of its program, decided by liveness before anything runs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace galago::graph {

inline constexpr std::int64_t kArenaAlignment = 64;  // bytes: a cache line, and the widest vector

// Bytes that a backend keeps during the whole run, beside the values: tables that many nodes read.
struct Region {
  std::string name;
  std::int64_t offset = 0;
  std::int64_t size = 0;
};

// Offsets are planned for the bounds of all symbols, so they do not move between runs.
struct MemoryPlan {
  std::vector<std::int64_t> offsets;  // of each value in bytes; -1: not in the arena (inputs, constants)
  std::vector<std::int64_t> sizes;    // bytes of each value at the bounds
  std::vector<ValueId> storage;       // the value whose bytes each value shares (itself, or what it reshapes)
  std::vector<std::int64_t> scratch;  // offset of each node's scratch; -1: none
  std::vector<std::int64_t> scratch_sizes;
  std::vector<Region> regions;  // added by the backend
  std::int64_t peak_bytes = 0;  // the arena's size
};

// Bytes of an activation at the bounds of its symbols; nothing when they are too many to plan.
std::optional<std::int64_t> bytes_at_bounds(const TensorType& type);

// Something that takes memory from the step `first` to the step `last`.
struct LiveBlock {
  std::int64_t size = 0;  // a multiple of what offsets shall be multiples of
  int first = 0;
  int last = 0;
  std::int64_t offset = -1;
};

std::int64_t arena_aligned(std::int64_t bytes, std::int64_t alignment = kArenaAlignment);
// Gives each block an offset, and returns what all of them take. Greedy by size: large blocks first, each at the lowest
// offset that is free during its whole life.
std::int64_t place_blocks(std::vector<LiveBlock>& blocks);

// `scratch_bytes` tells what a node needs while it runs. Offsets are multiples of `alignment`. Fails when sizes
// overflow.
Result<MemoryPlan> plan_memory(const Graph& graph, const std::function<std::int64_t(const Node&)>& scratch_bytes,
                               std::int64_t alignment = kArenaAlignment);

// The plan as a table: value, bytes, offset, lifetime; with the peak.
std::string to_text(const MemoryPlan& plan, const Graph& graph);

}  // namespace galago::graph
