#include "models/model.h"

#include "base/error.h"
#include "base/try.h"
#include "nn/tap.h"

namespace galago::models {

Result<std::vector<graph::NamedTensor>> Model::encode(const EncodeRequest&, EntryRunner&) const {
  return error(ErrorCode::kUnsupported, "{} generates text; it does not compare texts with pictures",
               info_.architecture);
}

Result<graph::Graph> trace_entry(const Model& model, const Entry& entry, bool taps) {
  const auto tapped = [&entry, taps](const graph::TracedInputs& in) {
    if (!taps) return entry.forward(in);
    const nn::TapScope scope;
    std::vector<graph::NamedTensor> outputs = entry.forward(in);
    for (const auto& [stage, tensor] : scope.taps()) outputs.push_back({stage, tensor});
    return outputs;
  };
  GALAGO_TRY(graph::Graph graph, graph::trace(entry.name, entry.inputs, model.states(), tapped));
  graph.numeric_class = entry.numeric_class;
  return graph;
}

}  // namespace galago::models
