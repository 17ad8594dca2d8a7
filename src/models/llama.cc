// Llama 1, 2 and 3 and what shares their code: TinyLlama, MobileLLaMA, Yi, SmolLM, SmolLM2.
#include <algorithm>

#include "base/try.h"
#include "models/decoder_model.h"
#include "models/registry.h"

namespace galago::models {
namespace {

// The plain decoder's names, with the rows that llama.cpp's converter reorders for its rope.
std::span<const GgufName> gguf_names() {
  static const std::vector<GgufName> kNames = [] {
    std::vector<GgufName> names(decoder_gguf_names().begin(), decoder_gguf_names().end());
    for (GgufName& name : names) {
      const bool query = name.gguf.starts_with("blk.{}.attn_q.");
      if (!query && !name.gguf.starts_with("blk.{}.attn_k.")) continue;
      name.transform = RowTransform::kRopePairs;
      name.heads_key = query ? "num_attention_heads" : "num_key_value_heads";
    }
    return names;
  }();
  return kNames;
}

Result<std::unique_ptr<Model>> build_llama(const ModelSource& source) {
  GALAGO_TRY(const nn::DecoderConfig config, decoder_config(source));
  return build_decoder("llama", config, *source.weights);
}

}  // namespace

const Architecture& llama_architecture() {
  static const Architecture kLlama{.name = "llama",
                                   .model_types = {"llama", "mobilellama"},
                                   .gguf_names = {"llama"},
                                   .gguf = {decoder_config_from_gguf, gguf_names()},
                                   .build = build_llama};
  return kLlama;
}

}  // namespace galago::models
