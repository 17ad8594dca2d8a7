// trace(): runs a forward() once with values that stand for tensors, and keeps the operations as a graph that can be
// printed, drawn, and compiled (galago/compile.h).
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "galago/result.h"
#include "galago/tensor.h"

namespace galago {

namespace graph {
struct Graph;
}

// A traced computation. Immutable and cheap to copy.
class Graph {
 public:
  explicit Graph(std::shared_ptr<const graph::Graph> graph) : graph_(std::move(graph)) {}
  std::string to_string() const;  // one operation a line, with types
  std::string to_dot() const;     // input of Graphviz
  const std::shared_ptr<const graph::Graph>& graph() const { return graph_; }

 private:
  std::shared_ptr<const graph::Graph> graph_;
};

std::ostream& operator<<(std::ostream& out, const Graph& graph);

struct NamedType {
  std::string name;
  TensorType type;
};

// Traces `forward` over inputs of these types. Tensors that it uses beside its inputs become constants (weights).
Result<Graph> trace(const std::string& name, const std::vector<NamedType>& inputs,
                    const std::function<std::vector<Tensor>(std::span<const Tensor>)>& forward);

// Traces a module with  Tensor forward(Tensor)  over one f32 input:
//   trace(mlp, {{"tokens", Dim::up_to(512)}, 512})
template <class Module>
Result<Graph> trace(Module& module, const Shape& input) {
  return trace("forward", {{"x", {DType::kF32, input}}},
               [&module](std::span<const Tensor> inputs) { return std::vector<Tensor>{module.forward(inputs[0])}; });
}

}  // namespace galago
