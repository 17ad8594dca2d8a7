// Qwen1.5, Qwen2 and Qwen2.5: a llama with biases on queries, keys and values.
#include "base/try.h"
#include "models/decoder_model.h"
#include "models/registry.h"

namespace galago::models {
namespace {

Result<std::unique_ptr<Model>> build_qwen2(const ModelSource& source) {
  GALAGO_TRY(nn::DecoderConfig config, decoder_config(source.config, source.description()));
  config.attention.qkv_bias = true;
  GALAGO_TRY(config.windows, sliding_windows(source.config, config.n_layers, source.description()));
  return build_decoder("qwen2", config, *source.weights);
}

}  // namespace

const Architecture& qwen2_architecture() {
  static const Architecture kQwen2{.name = "qwen2",
                                   .model_types = {"qwen2"},
                                   .gguf_names = {"qwen2"},
                                   .gguf_config = decoder_config_from_gguf,
                                   .rules = decoder_gguf_rules(),
                                   .build = build_qwen2};
  return kQwen2;
}

}  // namespace galago::models
