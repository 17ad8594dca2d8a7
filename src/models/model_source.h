// What a model is built from: its configuration in Hugging Face's keys, and its weights under Hugging Face's names.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/json.h"
#include "formats/checkpoint.h"
#include "galago/nn.h"
#include "models/tensor_rules.h"

namespace galago::models {

// Weights of a checkpoint as tensors over its mappings, found by the rules of an architecture; nothing is copied.
// A base model's weights, which lack the "model." of their names, are found without a rule.
class CheckpointWeights : public nn::WeightSource {
 public:
  CheckpointWeights(std::shared_ptr<const formats::Checkpoint> checkpoint, TensorRules rules, Json config);
  Result<std::optional<Tensor>> find(std::string_view name) const override;
  std::string description() const override;

  // After loading: fails on tensors that nobody has asked for although the weights mean nothing without them, such as
  // scales; names others in the log.
  Status check_unread() const;

 private:
  bool is_there(std::string_view name) const;
  Result<Tensor> take(std::string_view name, bool takes_integers) const;

  std::shared_ptr<const formats::Checkpoint> checkpoint_;
  TensorRules rules_;
  Container container_;
  Json config_;
  mutable std::unordered_set<std::string_view> asked_;  // names in the checkpoint
};

struct ModelSource {
  std::shared_ptr<const formats::Checkpoint> checkpoint;
  Json config;  // of GGUF files: what the architecture makes of the metadata
  std::unique_ptr<nn::WeightSource> weights;
  std::int64_t sequence_length = 0;  // the longest sequence that will be run; 0: what the model was trained for

  std::string description() const { return weights->description(); }
};

}  // namespace galago::models
