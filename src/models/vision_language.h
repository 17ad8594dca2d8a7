// Models that look at pictures through a CLIP-like tower and a projector whose rows are spliced into the prompt: the
// LLaVA family.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "media/image_processor.h"
#include "models/decoder_model.h"
#include "models/model.h"
#include "models/model_source.h"
#include "nn/vision_transformer.h"

namespace galago::models {

// How a family names its parts in checkpoints.
struct VisionLanguageNames {
  std::string language_model;  // before "model.layers" and "lm_head"
  std::string vision_model;    // before "embeddings" and "encoder"
};

struct VisionLanguageConfig {
  nn::DecoderConfig decoder;
  nn::VisionConfig vision;
  int feature_layer = -2;           // hidden_states[feature_layer] of the tower feeds the projector
  bool keeps_class_token = false;   // ... with the row of the class token
  std::int64_t rows_per_image = 0;  // after the projector
  media::ImageProcessorConfig pixels;
  bool pad_to_square = false;
  // The placeholder is a token of the vocabulary, repeated for each row (Hugging Face's form); nothing: the prompt is
  // cut at the placeholder and its pieces tokenized one by one (the original repositories).
  std::optional<text::TokenId> image_token;
  std::string image_placeholder = "<image>";
};

// What stands between the tower and the decoder: (rows, vision hidden) to (rows_per_image, hidden_size).
using Projector = std::function<Tensor(const Tensor&)>;

// Cuts or expands the prompt at its placeholders.
class SpliceProcessor : public Processor {
 public:
  explicit SpliceProcessor(VisionLanguageConfig config) : config_(std::move(config)) {}
  std::string image_placeholder() const override { return config_.image_placeholder; }
  Result<PreparedPrompt> prepare(const text::Tokenizer& tokenizer, const PromptText& prompt,
                                 std::span<const Image> images, bool add_special) const override;
  Result<Tensor> pixels(const Image& image) const override;

 private:
  Status expand_tokens(const text::Tokenizer& tokenizer, const PromptText& prompt, std::size_t n_places,
                       bool add_special, PreparedPrompt& out) const;
  Status join_pieces(const text::Tokenizer& tokenizer, const PromptText& prompt, std::span<const std::size_t> places,
                     bool add_special, PreparedPrompt& out) const;

  VisionLanguageConfig config_;
};

class VisionLanguageModel : public Model {
 public:
  // `root` is the tree of modules to load and print; `parts`, `tower` and `projector` are handles into it.
  VisionLanguageModel(std::string architecture, VisionLanguageConfig config, nn::Module root, DecoderParts parts,
                      nn::VisionTransformer tower, Projector projector);
  Status load(const nn::WeightSource& weights) { return root_.load(weights); }
  const nn::Module& module() const override { return root_; }
  std::vector<Entry> entries(const EntryLimits& limits) const override;
  const Processor& processor() const override { return processor_; }
  std::string default_chat_template() const override;

 private:
  VisionLanguageConfig config_;
  nn::Module root_;
  DecoderParts parts_;
  nn::VisionTransformer tower_;
  Projector projector_;
  SpliceProcessor processor_;
};

// The preprocessor's configuration of the checkpoint (or of its vision_tower/); CLIP's at the tower's size without one.
Result<media::ImageProcessorConfig> image_processor_of(const ModelSource& source, int image_size);

// Which of the tower's hidden states the projector takes, and whether with the row of the class token: under the keys
// and by the words of the respective original.
Result<int> feature_layer(const ConfigReader& reader, std::string_view key, const nn::VisionConfig& vision);
Result<bool> keeps_class_token(const ConfigReader& reader, std::string_view key, std::string_view patches,
                               std::string_view all);

// Reads the keys of the original LLaVA code ("mm_..."): decoder, tower (vision_tower/config.json), preprocessing.
Result<VisionLanguageConfig> mm_config(const ModelSource& source);

}  // namespace galago::models
