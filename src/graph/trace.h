// trace(): runs forward() once with values that stand for tensors, and keeps the ops that it calls.
#pragma once

#include <functional>
#include <span>
#include <string>
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

using TracedFunction = std::function<std::vector<NamedTensor>(std::span<const Tensor> inputs)>;

// Records the ops that `function` calls on `inputs`. Tensors that come from elsewhere become constants. Returns the
// first error of a failed tensor, or of a shape rule.
Result<Graph> trace(std::string name, std::span<const TraceInput> inputs, std::vector<ops::StateSpec> states,
                    const TracedFunction& function);

}  // namespace galago::graph
