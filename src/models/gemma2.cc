// Gemma 2: norms before and after attention and network, capped scores and logits, windows on every other layer.
#include <cmath>

#include "base/try.h"
#include "models/decoder_model.h"
#include "models/layer_types.h"
#include "models/registry.h"

namespace galago::models {
namespace {

Result<std::unique_ptr<Model>> build_gemma2(const ModelSource& source) {
  const ConfigReader reader(source.config, source.description());
  GALAGO_TRY(nn::DecoderConfig config, decoder_config(source));
  config.norm.kind = nn::NormKind::kRmsPlusOne;
  config.norms = {.attention_in = "input_layernorm",
                  .attention_out = "post_attention_layernorm",
                  .mlp_in = "pre_feedforward_layernorm",
                  .mlp_out = "post_feedforward_layernorm"};
  GALAGO_TRY(config.activation, reader.activation("hidden_activation", "gelu_pytorch_tanh"));
  GALAGO_TRY(config.tie_word_embeddings, reader.boolean("tie_word_embeddings", true));
  GALAGO_TRY(config.logit_soft_cap, reader.positive_or_none("final_logit_softcapping", 30.0));
  config.embedding_scale = std::sqrt(static_cast<float>(config.hidden_size));
  GALAGO_TRY(const float query_scalar, reader.positive_float("query_pre_attn_scalar", 256.0));
  config.attention.scale = 1.0f / std::sqrt(query_scalar);
  GALAGO_TRY(config.attention.soft_cap, reader.positive_or_none("attn_logit_softcapping", 50.0));
  GALAGO_TRY(const std::vector<bool> slides,
             sliding_layers(reader, config.n_layers, [](int layer) { return layer % 2 == 0; }));
  GALAGO_TRY(const std::vector<int> windows, layer_windows(reader, slides));
  nn::set_windows(config, windows);
  return build_decoder("gemma2", config, *source.weights);
}

}  // namespace

const Architecture& gemma2_architecture() {
  static const Architecture kGemma2{.name = "gemma2", .model_types = {"gemma2"}, .build = build_gemma2};
  return kGemma2;
}

}  // namespace galago::models
