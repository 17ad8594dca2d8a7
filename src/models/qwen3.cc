// Qwen3: RMS-normed queries and keys, no biases, tied embeddings on the small sizes.
#include "base/try.h"
#include "models/decoder_model.h"
#include "models/registry.h"

namespace galago::models {
namespace {

Result<std::unique_ptr<Model>> build_qwen3(const ModelSource& source) {
  GALAGO_TRY(nn::DecoderConfig config, decoder_config(source.config, source.description()));
  config.attention.qk_norm = true;
  GALAGO_TRY(config.windows, sliding_windows(source.config, config.n_layers, source.description()));
  return build_decoder("qwen3", config, *source.weights);
}

}  // namespace

const Architecture& qwen3_architecture() {
  static const Architecture kQwen3{.name = "qwen3",
                                   .model_types = {"qwen3"},
                                   .gguf_names = {"qwen3"},
                                   .gguf_config = decoder_config_from_gguf,
                                   .rules = decoder_gguf_rules(),
                                   .build = build_qwen3};
  return kQwen3;
}

}  // namespace galago::models
