// Llama 1, 2 and 3 and what shares their code: TinyLlama, MobileLLaMA, Yi, SmolLM, SmolLM2.
#include "base/try.h"
#include "models/decoder_model.h"
#include "models/registry.h"

namespace galago::models {
namespace {

Result<std::unique_ptr<Model>> build_llama(const ModelSource& source) {
  GALAGO_TRY(const nn::DecoderConfig config, decoder_config(source));
  return build_decoder("llama", config, *source.weights);
}

}  // namespace

const Architecture& llama_architecture() {
  static const Architecture kLlama{.name = "llama",
                                   .model_types = {"llama", "mobilellama"},
                                   .gguf_names = {"llama"},
                                   .gguf_config = decoder_config_from_gguf,
                                   .rules = decoder_gguf_rules(RopeRows::kPairs),
                                   .build = build_llama};
  return kLlama;
}

}  // namespace galago::models
