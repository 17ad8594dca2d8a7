// compile(): turns a traced graph into a program for this machine: fused, packed, planned.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "galago/precision.h"
#include "galago/trace.h"

namespace galago {

struct CompileOptions {
  Precision precision = Precision::kExact;
  int n_threads = 0;  // 0: one for each performance core
};

// A compiled graph without state. Runs one call at a time; copies share their buffers.
class CompiledGraph {
 public:
  // The outputs, copied out. Fails when the inputs are not as many as the graph's, of another type, or beyond the
  // bounds of its symbols.
  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) const;
  // The only output for the only input; a failed Tensor carries the error.
  Tensor operator()(const Tensor& input) const;

  std::string to_string() const;    // the kernel calls, one a line
  std::int64_t peak_bytes() const;  // of the arena, known before anything ran
  const Graph& optimized() const;   // after all passes

 private:
  friend Result<CompiledGraph> compile(const Graph& graph, const CompileOptions& options);
  struct Impl;
  explicit CompiledGraph(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

Result<CompiledGraph> compile(const Graph& graph, const CompileOptions& options = {});

}  // namespace galago
