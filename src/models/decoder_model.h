// What models with a decoder share: their configuration from Hugging Face's keys, and the entries prefill, head,
// decode.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "models/model.h"
#include "nn/decoder.h"

namespace galago::models {

// Reads the keys that decoders have in common, with llama's defaults for absent ones; checks that sizes make sense.
// A model sets what is its own afterwards. `source` names the checkpoint in errors.
Result<nn::DecoderConfig> decoder_config(const Json& config, std::string_view source);

// Qwen's sliding windows of each layer: none unless use_sliding_window, and then from layer max_window_layers on.
Result<std::vector<int>> sliding_windows(const Json& config, int n_layers, std::string_view source);

// The info of a model with this decoder.
ModelInfo decoder_info(std::string architecture, const nn::DecoderConfig& config);

// `takes_media`: rows of encoders are spliced between the embeddings of tokens.
std::vector<Entry> decoder_entries(const nn::CausalLm& lm, const ModelInfo& info, const EntryLimits& limits,
                                   bool takes_media);

// A model that is a decoder and nothing else.
class DecoderModel : public Model {
 public:
  DecoderModel(std::string architecture, const nn::DecoderConfig& config);
  Status load(const nn::WeightSource& weights) { return lm_.load(weights); }
  const nn::Module& module() const override { return lm_; }
  std::vector<Entry> entries(const EntryLimits& limits) const override {
    return decoder_entries(lm_, info_, limits, /*takes_media=*/false);
  }
  const Processor& processor() const override { return processor_; }

 private:
  nn::CausalLm lm_;
  TextProcessor processor_;
};

// Builds a DecoderModel and loads its weights.
Result<std::unique_ptr<Model>> build_decoder(std::string architecture, const nn::DecoderConfig& config,
                                             const nn::WeightSource& weights);

}  // namespace galago::models
