// Qwen3: RMS-normed queries and keys, no biases, tied embeddings on the small sizes.
#include "base/try.h"
#include "models/decoder_model.h"
#include "models/layer_types.h"
#include "models/registry.h"

namespace galago::models {
namespace {

Result<std::unique_ptr<Model>> build_qwen3(const ModelSource& source) {
  GALAGO_TRY(nn::DecoderConfig config, decoder_config(source));
  config.attention.qk_norm = {.norm = config.norm};
  const ConfigReader reader(source.config, source.description());
  GALAGO_TRY(const std::vector<int> windows, qwen_windows(reader, config.n_layers));
  nn::set_windows(config, windows);
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
