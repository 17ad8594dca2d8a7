#include "galago/compile.h"

#include <cstring>

#include "backends/cpu/cpu_backend.h"
#include "base/arena.h"
#include "base/cpu_topology.h"
#include "base/error.h"
#include "base/try.h"
#include "graph/pipeline.h"

namespace galago {

struct CompiledGraph::Impl {
  Graph optimized;
  std::unique_ptr<cpu::CpuBackend> backend;
  std::unique_ptr<graph::Program> program;
  Arena arena;
  int n_threads = 1;
};

namespace {

// The values of the symbols, found by comparing the inputs with the types that were traced.
Result<SymbolValues> bind_symbols(const graph::Graph& graph, std::span<const Tensor> inputs) {
  if (inputs.size() != graph.inputs.size()) {
    return error(ErrorCode::kInvalidArgument, "{}: {} inputs; {} are expected", graph.name, inputs.size(),
                 graph.inputs.size());
  }
  SymbolValues values;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const graph::Value& expected = graph.value(graph.inputs[i]);
    if (!inputs[i].ok()) return inputs[i].error();
    const Shape& shape = inputs[i].shape();
    bool fits = inputs[i].dtype() == expected.type.dtype && shape.rank() == expected.type.shape.rank();
    for (int d = 0; fits && d < shape.rank(); ++d) {
      const Dim& dim = expected.type.shape.dim(d);
      if (dim.is_constant()) {
        fits = dim.bound() == shape.dim(d).bound();
      } else if (dim.at(shape.dim(d).bound()) == shape.dim(d).bound()) {  // the symbol itself, not a multiple of it
        GALAGO_CHECK(values.bind(dim.name(), shape.dim(d).bound()));
      }
    }
    if (!fits) {
      return error(ErrorCode::kInvalidArgument, "{}: the input \"{}\" is {}; {} is expected", graph.name, expected.name,
                   inputs[i].type().to_string(), expected.type.to_string());
    }
  }
  return values;
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
  GALAGO_TRY(const SymbolValues values, bind_symbols(graph, inputs));
  std::vector<std::int64_t> symbols;
  for (const graph::SymbolBound& symbol : impl_->program->symbols()) {
    const auto value = values.find(symbol.name);
    if (!value) return error(ErrorCode::kInvalidArgument, "{}: nothing tells the size \"{}\"", graph.name, symbol.name);
    symbols.push_back(*value);
  }
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
