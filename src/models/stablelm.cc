// StableLM 2: a llama with layer norms that turns a part of each head; the 12B adds norms of each head's queries and
// keys, and residuals side by side.
#include "base/try.h"
#include "models/decoder_model.h"
#include "models/registry.h"

namespace galago::models {
namespace {

Result<std::unique_ptr<Model>> build_stablelm(const ModelSource& source) {
  const Json json = with_defaults(source.config, {{"partial_rotary_factor", 0.25}});
  const ConfigReader reader(json, source.description());
  GALAGO_TRY(nn::DecoderConfig config, decoder_config(reader, source.sequence_length));
  config.norm = {.kind = nn::NormKind::kLayer, .bias = true};
  GALAGO_TRY(config.norm.eps, reader.positive_float("layer_norm_eps", 1e-5));
  GALAGO_TRY(const bool qkv_bias, reader.boolean("use_qkv_bias", false));
  nn::set_biases(config.attention, qkv_bias, /*output=*/false);
  GALAGO_TRY(config.parallel_residual, reader.boolean("use_parallel_residual", false));
  if (config.parallel_residual) config.norms.mlp_in = "";
  GALAGO_TRY(const bool qk_norm, reader.boolean("qk_layernorm", false));
  if (qk_norm) {
    config.attention.qk_norm = {.norm = config.norm, .span = nn::HeadNormSpan::kEachHead};
    config.attention.q_norm_name = "q_layernorm";
    config.attention.k_norm_name = "k_layernorm";
  }
  return build_decoder("stablelm", config, *source.weights);
}

}  // namespace

const Architecture& stablelm_architecture() {
  static const Architecture kStableLm{.name = "stablelm", .model_types = {"stablelm"}, .build = build_stablelm};
  return kStableLm;
}

}  // namespace galago::models
