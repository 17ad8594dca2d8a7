// What a model is built from: its configuration in Hugging Face's keys, and its weights under Hugging Face's names.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "formats/checkpoint.h"
#include "galago/nn.h"
#include "models/gguf_map.h"

namespace galago::models {

// Other beginnings of names that a model's checkpoints are published with: {"language_model.model.",
// "model.language_model."} also looks for the second where the first is asked for.
using NamePrefixes = std::vector<std::pair<std::string, std::string>>;

// Weights of a checkpoint as tensors over its mappings, nothing copied.
class CheckpointWeights : public nn::WeightSource {
 public:
  CheckpointWeights(std::shared_ptr<const formats::Checkpoint> checkpoint, const GgufMap* gguf, Json config,
                    NamePrefixes prefixes);
  Result<std::optional<Tensor>> find(std::string_view name) const override;
  std::string description() const override;

 private:
  const formats::StoredTensor* stored(std::string_view name) const;
  Result<std::optional<Tensor>> find_gguf(std::string_view name) const;

  std::shared_ptr<const formats::Checkpoint> checkpoint_;
  const GgufMap* gguf_;
  Json config_;
  NamePrefixes prefixes_;
};

struct ModelSource {
  std::shared_ptr<const formats::Checkpoint> checkpoint;
  Json config;  // of GGUF files: what the architecture's map makes of the metadata
  std::unique_ptr<nn::WeightSource> weights;
  std::int64_t sequence_length = 0;  // the longest sequence that will be run; 0: what the model was trained for

  std::string description() const { return weights->description(); }
};

}  // namespace galago::models
