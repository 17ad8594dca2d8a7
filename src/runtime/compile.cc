#include "galago/compile.h"

#include <cstring>

#include "backends/cpu/cpu_backend.h"
#include "base/arena.h"
#include "base/cpu_topology.h"
#include "base/error.h"
#include "base/try.h"
#include "graph/pipeline.h"
#include "graph/symbol_binding.h"

namespace galago {

struct CompiledGraph::Impl {
  Graph optimized;
  std::unique_ptr<cpu::CpuBackend> backend;
  std::unique_ptr<graph::Program> program;
  Arena arena;
  int n_threads = 1;
};

namespace {

std::vector<graph::TraceInput> inputs_of(const graph::Graph& graph) {
  std::vector<graph::TraceInput> inputs;
  for (const graph::ValueId id : graph.inputs) inputs.push_back({graph.value(id).name, graph.value(id).type});
  return inputs;
}

}  // namespace

Result<CompiledGraph> compile(const Graph& graph, const CompileOptions& options) {
  cpu::CpuOptions cpu;
  cpu.precision = options.precision;
  cpu.n_threads = options.n_threads > 0 ? options.n_threads : default_threads();
  GALAGO_TRY(auto backend, cpu::CpuBackend::create(cpu));
  const graph::Backend* const backends[] = {backend.get()};
  GALAGO_TRY(graph::Graph optimized, graph::run_passes(*graph.graph(), backends));
  if (!optimized.states.empty()) {
    return error(ErrorCode::kUnsupported, "{}: graphs with state run in a Session", optimized.name);
  }
  Graph shown(std::make_shared<const graph::Graph>(optimized));
  GALAGO_TRY(auto program, backend->compile(std::move(optimized)));
  GALAGO_TRY(Arena arena, Arena::create(static_cast<std::uint64_t>(program->plan().peak_bytes)));
  return CompiledGraph(std::make_shared<CompiledGraph::Impl>(
      CompiledGraph::Impl{std::move(shown), std::move(backend), std::move(program), std::move(arena), cpu.n_threads}));
}

Result<std::vector<Tensor>> CompiledGraph::run(std::span<const Tensor> inputs) const {
  const graph::Graph& graph = *impl_->optimized.graph();
  GALAGO_TRY(const std::vector<std::int64_t> symbols, graph::bind_symbols(graph.name, inputs_of(graph), inputs));
  SymbolValues values;
  const std::vector<graph::SymbolBound>& names = impl_->program->symbols();
  for (std::size_t i = 0; i < names.size(); ++i) GALAGO_CHECK(values.bind(names[i].name, symbols[i]));
  std::vector<const std::byte*> data;
  for (const Tensor& input : inputs) data.push_back(input.bytes().data());
  const graph::RunArguments arguments{
      .symbols = symbols, .inputs = data, .arena = impl_->arena.bytes(), .n_threads = impl_->n_threads};
  GALAGO_CHECK(impl_->program->run(arguments));
  std::vector<Tensor> outputs;
  for (std::size_t i = 0; i < impl_->program->n_outputs(); ++i) {
    const TensorType& type = graph.value(graph.outputs[i]).type;
    GALAGO_TRY(const std::vector<std::int64_t> sizes, type.shape.resolve(values));
    Tensor output = Tensor::zeros(Shape::of(sizes), type.dtype);
    if (!output.ok()) return output.error();
    const auto from = impl_->program->output(i, arguments);
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

std::string CompiledGraph::to_string() const { return impl_->program->to_string(); }
std::int64_t CompiledGraph::peak_bytes() const { return impl_->program->plan().peak_bytes; }
const Graph& CompiledGraph::optimized() const { return impl_->optimized; }

}  // namespace galago
