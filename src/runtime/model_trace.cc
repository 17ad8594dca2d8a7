#include "runtime/model_trace.h"

#include <algorithm>

#include "base/cpu_topology.h"
#include "base/error.h"
#include "base/try.h"
#include "graph/partition.h"
#include "graph/pipeline.h"
#include "models/registry.h"
#include "runtime/backends.h"

namespace galago::runtime {
namespace {

// The plan of a graph on one backend; of more, each part's own.
Result<std::vector<EntryTrace::Plan>> plans_of(const graph::Graph& graph, const Backends& backends, bool compiled) {
  std::vector<EntryTrace::Plan> plans;
  const graph::Partition partition = graph::partition(graph, backends.front()->name());
  for (const graph::Part& part : partition.parts) {
    graph::Backend& backend = **std::ranges::find_if(
        backends, [&part](const auto& other) { return part.backend.empty() || other->name() == part.backend; });
    if (compiled) {
      GALAGO_TRY(const auto program, backend.compile(part.graph));
      plans.push_back({part.graph, program->plan(), program->to_string()});
      continue;
    }
    const auto scratch = [&](const graph::Node& node) { return backend.scratch_bytes(node, part.graph); };
    GALAGO_TRY(graph::MemoryPlan plan, graph::plan_memory(part.graph, scratch));
    plans.push_back({part.graph, std::move(plan), ""});
  }
  return plans;
}

Result<EntryTrace> trace_one(const models::Model& model, const models::Entry& entry, const Backends& backends,
                             const std::string& after) {
  EntryTrace trace{.entry = entry.name};
  GALAGO_TRY(graph::Graph graph, models::trace_entry(model, entry));
  GALAGO_TRY(trace.graph, graph::run_passes(std::move(graph), asked(backends), after));
  GALAGO_TRY(trace.plans, plans_of(trace.graph, backends, after == graph::pass_names().back()));
  return trace;
}

}  // namespace

Result<std::vector<EntryTrace>> trace_model(const std::filesystem::path& path, const TraceOptions& options) {
  GALAGO_TRY(const auto checkpoint, formats::Checkpoint::open(path));
  GALAGO_TRY(const std::unique_ptr<models::Model> model, models::build_model(checkpoint));
  BackendOptions wanted{.precision = options.precision};
  wanted.n_threads = options.n_threads > 0 ? options.n_threads : default_threads();
  wanted.prefill_chunk = options.prefill_chunk;
  wanted.weights = checkpoint->tensors();
  if (options.progress) {
    wanted.progress = [report = options.progress](std::uint64_t done, std::uint64_t total) {
      report({"packing weights", done, total});
    };
  }
  GALAGO_TRY(const ChosenBackends chosen, choose_backends(wanted));
  std::vector<EntryTrace> traces;
  std::vector<std::string> names;
  for (const models::Entry& entry : model->entries({.prefill_tokens = chosen.prefill_chunk})) {
    names.push_back(entry.name);
    if (!options.entry.empty() && options.entry != entry.name) continue;
    GALAGO_TRY(EntryTrace trace, trace_one(*model, entry, chosen.list, options.after));
    traces.push_back(std::move(trace));
  }
  if (traces.empty()) {
    return error(ErrorCode::kNotFound, "{}: has no entry \"{}\"; it has {}", path.string(), options.entry,
                 fmt::join(names, ", "));
  }
  return traces;
}

std::int64_t EntryTrace::peak_bytes() const {
  std::int64_t bytes = 0;
  for (const Plan& plan : plans) bytes += plan.memory.peak_bytes;
  return bytes;
}

}  // namespace galago::runtime
