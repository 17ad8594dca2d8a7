// Compiled functions beside their scalar references: what the tests of programs share.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "backends/cpu/cpu_backend.h"
#include "graph/pipeline.h"
#include "graph/trace.h"

namespace galago::cpu {

using Floats = std::vector<float>;

// sum of (found - expected)^2 over the sum of expected^2; infinite where a number is not finite or sizes differ.
double nmse(std::span<const float> found, std::span<const float> expected);

// One layer's pages for each of a model's states, in the layout of whoever writes them.
class PagedStates {
 public:
  PagedStates(const std::vector<ops::Paged>& specs, KvType kv, std::int32_t n_pages);
  std::span<const ops::StateView> views() const { return views_; }

 private:
  std::vector<std::vector<std::byte>> bytes_;
  std::vector<ops::StateView> views_;
};

// Rows [first, last) of each of several sequences, whose pages are dealt out in turn.
struct Step {
  Step(const std::vector<std::pair<int, int>>& rows, std::int32_t max_pages);
  ops::StepView view(const PagedStates& states) const;
  // The same positions as an input (1, rows).
  Tensor positions() const;

  std::vector<std::int32_t> sequence, position, page_table;
  std::int32_t n_sequences = 0, max_pages = 0;
  mutable ops::GroupView group;  // of the last view()
};

struct Compiled {
  std::unique_ptr<CpuBackend> backend;
  std::unique_ptr<graph::Program> program;
  graph::Graph graph;  // after all passes

  // Runs with the inputs' data; sizes come from `symbols`. The arena is exactly the plan's, filled with `poison`
  // before.
  Result<std::vector<Floats>> run(const std::vector<Tensor>& inputs, const std::vector<std::int64_t>& symbols,
                                  const ops::StepView* step = nullptr, int n_threads = 1,
                                  std::uint8_t poison = 0xff) const;
};

struct Source {
  std::vector<graph::TraceInput> inputs;
  graph::TracedFunction function;
  std::vector<ops::StateSpec> states;
};

// Traces, runs all passes and compiles.
Compiled compile(const Source& source, CpuOptions options = {.precision = graph::Precision::kExact});
// The same function at once on the scalar references.
std::vector<Floats> run_reference(const Source& source, const std::vector<Tensor>& inputs);

// How often a pattern (or op) stands among a graph's nodes.
int count_nodes(const graph::Graph& graph, std::string_view name);

}  // namespace galago::cpu
