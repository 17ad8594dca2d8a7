// The public face of trace.h: galago::Graph over graph::Graph.
#include <ostream>

#include "base/try.h"
#include "galago/trace.h"
#include "graph/printer.h"
#include "graph/trace.h"

namespace galago {

std::string Graph::to_string() const { return graph::to_text(*graph_); }
std::string Graph::to_dot() const { return graph::to_dot(*graph_); }

std::ostream& operator<<(std::ostream& out, const Graph& graph) { return out << graph.to_string(); }

Result<Graph> trace(const std::string& name, const std::vector<NamedType>& inputs,
                    const std::function<std::vector<Tensor>(std::span<const Tensor>)>& forward) {
  std::vector<graph::TraceInput> traced;
  for (const NamedType& input : inputs) traced.push_back({input.name, input.type});
  const auto named = [&forward](const graph::TracedInputs& arguments) {
    std::vector<graph::NamedTensor> outputs;
    for (Tensor& output : forward(arguments.tensors())) {
      outputs.push_back({"y" + (outputs.empty() ? "" : std::to_string(outputs.size())), std::move(output)});
    }
    return outputs;
  };
  GALAGO_TRY(graph::Graph graph, graph::trace(name, traced, {}, named));
  return Graph(std::make_shared<const graph::Graph>(std::move(graph)));
}

}  // namespace galago
