// Qwen1.5, Qwen2 and Qwen2.5: a llama with biases on queries, keys and values.
#include "base/try.h"
#include "models/decoder_model.h"
#include "models/layer_types.h"
#include "models/registry.h"

namespace galago::models {
namespace {

Result<std::unique_ptr<Model>> build_qwen2(const ModelSource& source) {
  GALAGO_TRY(nn::DecoderConfig config, decoder_config(source));
  nn::set_biases(config.attention, /*qkv=*/true, config.attention.o_bias);
  const ConfigReader reader(source.config, source.description());
  GALAGO_TRY(const std::vector<int> windows, qwen_windows(reader, config.n_layers));
  nn::set_windows(config, windows);
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
