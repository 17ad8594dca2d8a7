// What models with a decoder share: their configuration from Hugging Face's keys, and the entries prefill, head,
// decode.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "models/config_reader.h"
#include "models/model.h"
#include "models/model_source.h"
#include "nn/decoder.h"

namespace galago::models {

// Reads the keys that decoders have in common, with llama's defaults for absent ones; checks that sizes make sense.
// A model sets what is its own afterwards. `sequence_length` as of nn::RopeConfig.
Result<nn::DecoderConfig> decoder_config(const ConfigReader& reader, std::int64_t sequence_length);
// Of a model that is a decoder and nothing else.
Result<nn::DecoderConfig> decoder_config(const ModelSource& source);

// What entries of decoders are made of. Each function is called while an entry is traced or run.
struct DecoderParts {
  // ids: i32 (tokens)   y: (tokens, hidden_size)
  std::function<Tensor(const Tensor& ids)> embed;
  // x: (tokens, hidden_size), embeddings with media between them   y: the same, before the final norm
  std::function<Tensor(const Tensor& x, const nn::Step& step)> layers;
  // x, y: (rows, hidden_size)
  std::function<Tensor(const Tensor& x)> norm;
  // x: (rows, hidden_size), after the final norm   y: (rows, vocab_size)
  std::function<Tensor(const Tensor& x)> logits;
};

DecoderParts parts_of(const nn::CausalLm& lm);

struct DecoderOptions {
  bool takes_media = false;  // rows of encoders are spliced between the embeddings of tokens
  // Further inputs of prefill, whose first dim is its `tokens`: nn::Step::rows has them. A type's shape lacks that dim.
  std::vector<graph::TraceInput> rows{};
  // Those that decode has too, where a generated token needs a row of its own.
  std::vector<graph::TraceInput> decode_rows{};
};

// prefill, head and decode (models/model.h).
std::vector<Entry> decoder_entries(const DecoderParts& parts, const ModelInfo& info, const EntryLimits& limits,
                                   const DecoderOptions& options = {});

// The info of a model with this decoder.
ModelInfo decoder_info(std::string architecture, const nn::DecoderConfig& config);

// A model that is a decoder and nothing else.
class DecoderModel : public Model {
 public:
  // `root` is the tree of modules to load and print; `parts` are handles into it.
  DecoderModel(ModelInfo info, nn::Module root, DecoderParts parts);
  Status load(const nn::WeightSource& weights) { return root_.load(weights); }
  const nn::Module& module() const override { return root_; }
  std::vector<Entry> entries(const EntryLimits& limits) const override {
    return decoder_entries(parts_, info_, limits);
  }
  const Processor& processor() const override { return processor_; }

 private:
  nn::Module root_;
  DecoderParts parts_;
  TextProcessor processor_;
};

// Builds a DecoderModel and loads its weights: of what config describes, of layers of its own, or of parts that are
// all the model's own.
Result<std::unique_ptr<Model>> build_decoder(std::string architecture, const nn::DecoderConfig& config,
                                             const nn::WeightSource& weights);
Result<std::unique_ptr<Model>> build_decoder(std::string architecture, const nn::DecoderConfig& config,
                                             const nn::CausalLm& lm, const nn::WeightSource& weights);
Result<std::unique_ptr<Model>> build_decoder(ModelInfo info, nn::Module root, DecoderParts parts,
                                             const nn::WeightSource& weights);

}  // namespace galago::models
