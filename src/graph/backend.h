// What a backend offers: which nodes it runs, how it stores weights, and programs compiled from graphs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "galago/precision.h"
#include "graph/graph.h"
#include "graph/memory_plan.h"

namespace galago::graph {

using galago::Precision;

// One run of a program. Everything is the caller's and stays valid until the run is done.
struct RunArguments {
  std::span<const std::int64_t> symbols;     // the value of each of Program::symbols()
  std::span<const std::byte* const> inputs;  // one for each input of the graph, contiguous
  const ops::StepView* step = nullptr;       // for programs with state
  std::span<std::byte> arena;                // at least plan().peak_bytes, aligned to 64
  int n_threads = 1;
};

// A flat list of kernel calls over one arena. Immutable: any number of threads may run it, each with its own arena.
class Program {
 public:
  virtual ~Program() = default;
  virtual const std::vector<SymbolBound>& symbols() const = 0;
  virtual const MemoryPlan& plan() const = 0;
  virtual std::size_t n_outputs() const = 0;
  // Checks the arguments, runs, and allocates nothing.
  virtual Status run(const RunArguments& arguments) const = 0;
  // Where the last run left an output in its arena.
  virtual std::span<const std::byte> output(std::size_t index, const RunArguments& arguments) const = 0;
  // The kernel calls, one a line.
  virtual std::string to_string() const = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  // Nothing when the backend can run the node; otherwise the reason why not.
  virtual std::optional<std::string> refuses(const Node& node, const Graph& graph) const = 0;
  // How the backend stores a weight that a linear reads ("q4_1 tile16"); empty: as it is.
  virtual std::string layout(const Value& weight) const = 0;
  // Bytes of scratch that a node needs while it runs.
  virtual std::int64_t scratch_bytes(const Node& node, const Graph& graph) const = 0;
  // Packs at once what the graphs that will be compiled ask for, so that a cache sees all of it together.
  virtual Status pack(std::span<const Graph> graphs) = 0;
  // Packs what the graph's `layout`s ask for (once per weight and backend) and compiles.
  virtual Result<std::unique_ptr<Program>> compile(Graph graph) = 0;
};

}  // namespace galago::graph
