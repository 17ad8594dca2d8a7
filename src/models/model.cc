#include "models/model.h"

#include "base/error.h"
#include "nn/tap.h"

namespace galago::models {

Result<std::vector<graph::NamedTensor>> Model::encode(const EncodeRequest&, EntryRunner&) const {
  return error(ErrorCode::kUnsupported, "{} generates text; it does not compare texts with pictures",
               info_.architecture);
}

Result<graph::Graph> trace_entry(const Model& model, const Entry& entry, bool taps) {
  if (!taps) return graph::trace(entry.name, entry.inputs, model.states(), entry.forward);
  const auto tapped = [&entry](std::span<const Tensor> inputs) {
    const nn::TapScope scope;
    std::vector<graph::NamedTensor> outputs = entry.forward(inputs);
    for (const auto& [stage, tensor] : scope.taps()) outputs.push_back({stage, tensor});
    return outputs;
  };
  return graph::trace(entry.name, entry.inputs, model.states(), tapped);
}

}  // namespace galago::models
