#include "galago/compile.h"

#include <cstring>

#include "base/cpu_topology.h"
#include "base/error.h"
#include "base/try.h"
#include "graph/pipeline.h"
#include "graph/symbol_binding.h"
#include "runtime/backends.h"
#include "runtime/entry_run.h"

namespace galago {

struct CompiledGraph::Impl {
  Graph optimized;
  std::shared_ptr<const runtime::ProgramSet> programs;
  std::shared_ptr<runtime::EntryRun> run;
  int n_threads = 1;

  const runtime::ProgramSet::Item& program() const { return programs->items().front(); }
};

namespace {

std::vector<graph::TraceInput> inputs_of(const graph::Graph& graph) {
  std::vector<graph::TraceInput> inputs;
  for (const graph::ValueId id : graph.inputs) inputs.push_back({graph.value(id).name, graph.value(id).type});
  return inputs;
}

}  // namespace

Result<CompiledGraph> compile(const Graph& graph, const CompileOptions& options) {
  const int n_threads = options.n_threads > 0 ? options.n_threads : default_threads();
  GALAGO_TRY(const auto chosen, runtime::choose_backends({.precision = options.precision, .n_threads = n_threads}));
  GALAGO_TRY(graph::Graph optimized, graph::run_passes(*graph.graph(), runtime::asked(chosen.list)));
  if (!optimized.states.empty()) {
    return error(ErrorCode::kUnsupported, "{}: graphs with state run in a Session", optimized.name);
  }
  Graph shown(std::make_shared<const graph::Graph>(optimized));
  std::vector<graph::Graph> graphs;
  graphs.push_back(std::move(optimized));
  GALAGO_TRY(auto programs, runtime::ProgramSet::compile(std::move(graphs), chosen.list));
  GALAGO_TRY(auto run, runtime::EntryRun::create(programs));
  return CompiledGraph(std::make_shared<CompiledGraph::Impl>(
      CompiledGraph::Impl{std::move(shown), std::move(programs), std::move(run), n_threads}));
}

Result<std::vector<Tensor>> CompiledGraph::run(std::span<const Tensor> inputs) const {
  const graph::Graph& graph = *impl_->optimized.graph();
  GALAGO_TRY(const std::vector<std::int64_t> symbols, graph::bind_symbols(graph.name, inputs_of(graph), inputs));
  SymbolValues values;
  const std::vector<graph::SymbolBound>& names = impl_->program().symbols;
  for (std::size_t i = 0; i < names.size(); ++i) GALAGO_CHECK(values.bind(names[i].name, symbols[i]));
  std::vector<const std::byte*> data;
  for (const Tensor& input : inputs) data.push_back(input.bytes().data());
  GALAGO_TRY(const bool pending,
             impl_->run->begin({.symbols = symbols, .inputs = data, .n_threads = impl_->n_threads}));
  if (pending) GALAGO_CHECK(impl_->run->wait());
  std::vector<Tensor> outputs;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const TensorType& type = graph.value(graph.outputs[i]).type;
    GALAGO_TRY(const std::vector<std::int64_t> sizes, type.shape.resolve(values));
    Tensor output = Tensor::zeros(Shape::of(sizes), type.dtype);
    if (!output.ok()) return output.error();
    const auto from = impl_->run->output(static_cast<int>(i));
    std::memcpy(output.mutable_bytes().data(), from.data(), std::min(from.size(), output.bytes().size()));
    outputs.push_back(std::move(output));
  }
  return outputs;
}

Tensor CompiledGraph::operator()(const Tensor& input) const {
  auto outputs = run({&input, 1});
  if (!outputs.ok()) return Tensor::failed(std::move(outputs).error());
  if (outputs->size() != 1) {
    return Tensor::failed(error(ErrorCode::kInvalidArgument, "the graph has {} outputs; use run()", outputs->size()));
  }
  return outputs->front();
}

std::string CompiledGraph::to_string() const {
  std::string text;
  for (const runtime::EntryPart& part : impl_->program().parts) text += part.program->to_string();
  return text;
}
std::int64_t CompiledGraph::peak_bytes() const {
  std::int64_t bytes = 0;
  for (std::size_t device = 0; device < impl_->programs->backends().size(); ++device) {
    bytes += impl_->programs->arena_bytes(static_cast<int>(device));
  }
  return bytes;
}
const Graph& CompiledGraph::optimized() const { return impl_->optimized; }

}  // namespace galago
