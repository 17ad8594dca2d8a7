// A model's entries as graphs with their memory plans, for people to look at.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "galago/session.h"
#include "graph/graph.h"
#include "graph/memory_plan.h"

namespace galago::runtime {

struct TraceOptions {
  std::string entry;           // empty: all
  std::string after = "pack";  // the last pass that runs (graph::pass_names())
  Precision precision = Precision::kFast;
  int n_threads = 0;
  int prefill_chunk = 0;  // 0: as Engine chooses
  std::function<void(const LoadProgress&)> progress;
};

struct EntryTrace {
  // Of one backend's part of the graph.
  struct Plan {
    graph::Graph graph;
    graph::MemoryPlan memory;
    std::string program;  // its kernel calls, after the last pass
  };
  std::string entry;
  graph::Graph graph;
  std::vector<Plan> plans;

  std::int64_t peak_bytes() const;
};

// After the last pass, graph and plans are those of the compiled programs, for which the weights are packed. After an
// earlier one nothing is packed, and the plans are those of the graph alone, without the backend's tables.
Result<std::vector<EntryTrace>> trace_model(const std::filesystem::path& path, const TraceOptions& options);

}  // namespace galago::runtime
