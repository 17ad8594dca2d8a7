#include "runtime/model_trace.h"

#include "backends/cpu/cpu_backend.h"
#include "backends/cpu/cpu_program.h"
#include "base/cpu_topology.h"
#include "base/error.h"
#include "base/try.h"
#include "graph/pipeline.h"
#include "models/registry.h"
#include "runtime/prefill_chunk.h"

namespace galago::runtime {
namespace {

Result<std::unique_ptr<cpu::CpuBackend>> make_backend(const TraceOptions& options) {
  cpu::CpuOptions cpu;
  cpu.precision = options.precision == Precision::kExact ? graph::Precision::kExact : graph::Precision::kFast;
  cpu.n_threads = options.n_threads > 0 ? options.n_threads : default_threads();
  if (options.progress) {
    cpu.progress = [report = options.progress](std::uint64_t done, std::uint64_t total) {
      report({"packing weights", done, total});
    };
  }
  return cpu::CpuBackend::create(std::move(cpu));
}

Result<EntryTrace> trace_one(const models::Model& model, const models::Entry& entry, cpu::CpuBackend& backend,
                             const std::string& after) {
  const graph::Backend* const backends[] = {&backend};
  EntryTrace trace{.entry = entry.name};
  GALAGO_TRY(graph::Graph graph, models::trace_entry(model, entry));
  GALAGO_TRY(trace.graph, graph::run_passes(std::move(graph), backends, after));
  if (after == graph::pass_names().back()) {
    GALAGO_TRY(const auto program, backend.compile(trace.graph));
    if (const auto* compiled = dynamic_cast<const cpu::CpuProgram*>(program.get())) {
      trace.graph = compiled->graph();
      trace.plan = compiled->plan();
      return trace;
    }
  }
  const auto scratch = [&](const graph::Node& node) { return backend.scratch_bytes(node, trace.graph); };
  GALAGO_TRY(trace.plan, graph::plan_memory(trace.graph, scratch));
  return trace;
}

}  // namespace

Result<std::vector<EntryTrace>> trace_model(const std::filesystem::path& path, const TraceOptions& options) {
  GALAGO_TRY(const auto checkpoint, formats::Checkpoint::open(path));
  GALAGO_TRY(const std::unique_ptr<models::Model> model, models::build_model(checkpoint));
  GALAGO_TRY(const std::unique_ptr<cpu::CpuBackend> backend, make_backend(options));
  std::vector<EntryTrace> traces;
  std::vector<std::string> names;
  const int chunk =
      choose_prefill_chunk(options.prefill_chunk, backend->kernels(), options.precision, checkpoint->tensors());
  for (const models::Entry& entry : model->entries({.prefill_tokens = chunk})) {
    names.push_back(entry.name);
    if (!options.entry.empty() && options.entry != entry.name) continue;
    GALAGO_TRY(EntryTrace trace, trace_one(*model, entry, *backend, options.after));
    traces.push_back(std::move(trace));
  }
  if (traces.empty()) {
    return error(ErrorCode::kNotFound, "{}: has no entry \"{}\"; it has {}", path.string(), options.entry,
                 fmt::join(names, ", "));
  }
  return traces;
}

}  // namespace galago::runtime
