// The architectures of models.def, found by the names that checkpoints give them.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "models/gguf_map.h"
#include "models/model.h"
#include "models/model_source.h"

namespace galago::models {

struct Architecture {
  std::string_view name;                      // its file's name in models/
  std::vector<std::string_view> model_types;  // of config.json
  std::vector<std::string_view> gguf_names;   // general.architecture; empty: no GGUF files
  // config.json as Hugging Face would write it, from the metadata and the tensors' shapes.
  Result<Json> (*gguf_config)(GgufKeys& keys) = nullptr;
  TensorRules rules{};  // for tensors that are not under Hugging Face's names
  // quant_method of a quantization_config whose tensors the rules put together.
  std::vector<std::string_view> quantizations{};
  Result<std::unique_ptr<Model>> (*build)(const ModelSource& source) = nullptr;  // builds and loads the weights
};

// Every architecture that is built in.
std::span<const Architecture* const> architectures();

// Builds the model of a checkpoint. An unknown architecture is an error that lists the known ones. `sequence_length` as
// of ModelSource: rope's frequencies may depend on it (nn/rotary.h).
Result<std::unique_ptr<Model>> build_model(std::shared_ptr<const formats::Checkpoint> checkpoint,
                                           std::int64_t sequence_length = 0);

}  // namespace galago::models
