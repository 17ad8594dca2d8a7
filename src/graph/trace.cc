#include "graph/trace.h"

#include <algorithm>
#include <atomic>
#include <unordered_map>

#include "base/error.h"
#include "base/try.h"
#include "graph/verifier.h"
#include "ops/executor.h"

namespace galago::graph {
namespace {

class Tracer : public ops::Executor {
 public:
  explicit Tracer(Graph& graph) : graph_(graph), identity_(next_identity()) {}

  // What the tensors of this trace name it by. Never used again: a tensor kept from an earlier trace is a stranger,
  // even where its graph had the address that this one has.
  const void* identity() const { return identity_; }

  std::vector<Tensor> run(const ops::AnyOp& op, std::span<const Tensor> inputs, const ops::StepView*) override {
    Node node{.op = op};
    ops::TensorTypes types;
    for (const Tensor& input : inputs) {
      auto id = value_of(input);
      if (!id.ok()) return {Tensor::failed(std::move(id).error())};
      node.inputs.push_back(*id);
      types.push_back(graph_.value(*id).type);
    }
    auto results = ops::infer(op, types);
    if (!results.ok()) return {Tensor::failed(std::move(results).error())};
    std::vector<Tensor> outputs;
    for (TensorType& type : *results) {
      const ValueId id = graph_.add_value({.type = type});
      node.outputs.push_back(id);
      outputs.push_back(Tensor::traced(std::move(type), identity_, id));
    }
    graph_.nodes.push_back(std::move(node));
    return outputs;
  }

  // The value of a tensor of this trace; any other tensor becomes a constant, once.
  Result<ValueId> value_of(const Tensor& tensor) {
    if (!tensor.ok()) return tensor.error();
    if (tensor.trace() == identity_) return tensor.traced_value();
    if (tensor.trace() != nullptr) {
      return error(ErrorCode::kInvalidArgument, "{}: a value of another trace was used", graph_.name);
    }
    const auto known = constants_.find(tensor.identity());
    if (known != constants_.end()) return known->second;
    const ValueId id = graph_.add_value({.type = tensor.type(), .name = tensor.name(), .constant = tensor});
    constants_.emplace(tensor.identity(), id);
    return id;
  }

 private:
  static const void* next_identity() {
    static std::atomic<std::uintptr_t> last{0};
    return reinterpret_cast<const void*>(++last);
  }

  Graph& graph_;
  const void* identity_;
  std::unordered_map<const void*, ValueId> constants_;
};

std::string names_of(std::span<const TraceInput> inputs) {
  std::string names;
  for (const TraceInput& input : inputs) names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", input.name);
  return names.empty() ? "none" : names;
}

}  // namespace

Tensor TracedInputs::operator[](std::string_view name) const {
  for (std::size_t i = 0; i < declared_.size() && i < tensors_.size(); ++i) {
    if (declared_[i].name == name) return tensors_[i];
  }
  return Tensor::failed(
      error(ErrorCode::kInvalidArgument, "there is no input \"{}\"; there are: {}", name, names_of(declared_)));
}

bool TracedInputs::contains(std::string_view name) const {
  return std::any_of(declared_.begin(), declared_.end(), [&](const TraceInput& input) { return input.name == name; });
}

Result<Graph> trace(std::string name, std::span<const TraceInput> inputs, std::vector<ops::StateSpec> states,
                    const TracedFunction& function) {
  Graph graph;
  graph.name = std::move(name);
  graph.states = std::move(states);
  Tracer tracer(graph);
  std::vector<Tensor> arguments;
  for (const TraceInput& input : inputs) {
    const auto same =
        std::count_if(inputs.begin(), inputs.end(), [&](const TraceInput& other) { return other.name == input.name; });
    if (same > 1) return error(ErrorCode::kInvalidArgument, "{}: two inputs are named \"{}\"", graph.name, input.name);
    const ValueId id = graph.add_value({.type = input.type, .name = input.name});
    graph.inputs.push_back(id);
    arguments.push_back(Tensor::traced(input.type, tracer.identity(), id).with_name(input.name));
  }
  const ops::ExecutorScope scope(tracer);
  for (NamedTensor& result : function(TracedInputs(inputs, arguments))) {
    GALAGO_TRY(const ValueId id, tracer.value_of(result.tensor));
    graph.outputs.push_back(id);
    graph.output_names.push_back(std::move(result.name));
  }
  GALAGO_CHECK(verify(graph));
  return graph;
}

}  // namespace galago::graph
