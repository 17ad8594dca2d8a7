#include "backends/cpu/cpu_executor.h"

#include <cstring>
#include <new>

#include "base/arena.h"
#include "base/error.h"
#include "base/try.h"

namespace galago::cpu {
namespace {

// A graph of one node whose inputs are constants.
Result<graph::Graph> graph_of(const ops::AnyOp& op, std::span<const Tensor> inputs) {
  graph::Graph graph;
  graph.name = ops::name(op);
  graph::Node node{.op = op};
  ops::TensorTypes types;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].trace() != nullptr) {
      return error(ErrorCode::kInvalidArgument,
                   "{}: input {} is {} of a trace and has no numbers yet; use it inside the function that is traced",
                   ops::name(op), i, inputs[i].type().to_string());
    }
    types.push_back(inputs[i].type());
    node.inputs.push_back(graph.add_value({.type = inputs[i].type(), .name = inputs[i].name(), .constant = inputs[i]}));
  }
  GALAGO_TRY(const ops::TensorTypes results, ops::infer(op, types));
  for (const TensorType& type : results) {
    node.outputs.push_back(graph.add_value({.type = type}));
    graph.outputs.push_back(node.outputs.back());
    graph.output_names.emplace_back("y");
  }
  graph.nodes.push_back(std::move(node));
  return graph;
}

}  // namespace

Result<std::unique_ptr<CpuExecutor>> CpuExecutor::create(int n_threads, const KernelTable* kernels) {
  GALAGO_TRY(auto backend, CpuBackend::create({.precision = graph::Precision::kExact, .kernels = kernels}));
  return std::unique_ptr<CpuExecutor>(new CpuExecutor(std::move(backend), n_threads));
}

std::vector<Tensor> CpuExecutor::run(const ops::AnyOp& op, std::span<const Tensor> inputs, const ops::StepView* step) {
  try {
    auto outputs = compute(op, inputs, step);
    if (outputs.ok()) return std::move(outputs).value();
    return {Tensor::failed(std::move(outputs).error())};
  } catch (const std::bad_alloc&) {
    return {Tensor::failed(error(ErrorCode::kOutOfMemory, "{}: no memory", ops::name(op)))};
  }
}

Result<std::vector<Tensor>> CpuExecutor::compute(const ops::AnyOp& op, std::span<const Tensor> inputs,
                                                 const ops::StepView* step) {
  GALAGO_TRY(graph::Graph graph, graph_of(op, inputs));
  std::vector<Tensor> outputs;
  for (const graph::ValueId id : graph.outputs) {
    const TensorType& type = graph.value(id).type;
    outputs.push_back(Tensor::zeros(type.shape, type.dtype));
    if (!outputs.back().ok()) return outputs.back().error();
  }
  GALAGO_TRY(const auto program, backend_->compile(std::move(graph)));
  GALAGO_TRY(const Arena arena, Arena::create(static_cast<std::uint64_t>(program->plan().peak_bytes)));
  const graph::RunArguments arguments{.step = step, .arena = BufferView(arena.bytes()), .n_threads = n_threads_};
  GALAGO_CHECK(program->submit(arguments));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::span<const std::byte> bytes = program->output(i, arguments).bytes();
    if (!bytes.empty()) std::memcpy(outputs[i].mutable_bytes().data(), bytes.data(), bytes.size());
  }
  return outputs;
}

}  // namespace galago::cpu
