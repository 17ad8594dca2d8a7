// trace(): runs forward() once with values that stand for tensors, and keeps the ops that it calls.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace galago::graph {

struct TraceInput {
  std::string name;
  TensorType type;
};

// What a traced function returns: tensors with names ("logits").
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

// The inputs of one call of a traced function, by name. A view: both arrays are the caller's.
class TracedInputs {
 public:
  // One tensor for each declared input, in the same order.
  TracedInputs(std::span<const TraceInput> declared, std::span<const Tensor> tensors)
      : declared_(declared), tensors_(tensors) {}
  // The input of this name; where there is none, a failed Tensor whose error names it and those that there are.
  Tensor operator[](std::string_view name) const;
  bool contains(std::string_view name) const;
  // All, in the declared order, for functions that are generic over their inputs.
  std::span<const Tensor> tensors() const { return tensors_; }

 private:
  std::span<const TraceInput> declared_;
  std::span<const Tensor> tensors_;
};

using TracedFunction = std::function<std::vector<NamedTensor>(const TracedInputs& in)>;

// Records the ops that `function` calls on `inputs`, whose names differ. Tensors that come from elsewhere become
// constants. Returns the first error of a failed tensor, or of a shape rule.
Result<Graph> trace(std::string name, std::span<const TraceInput> inputs, std::vector<ops::StateSpec> states,
                    const TracedFunction& function);

}  // namespace galago::graph
