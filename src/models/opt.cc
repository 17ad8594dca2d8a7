// OPT: learned positions, biases and layer norms everywhere, a network of two linears. The 350M norms after the
// residuals and keeps its embeddings in a smaller width than its layers.
#include "base/try.h"
#include "models/decoder_model.h"
#include "models/registry.h"

namespace galago::models {
namespace {

constexpr std::int64_t kFirstPosition = 2;  // the row of position 0; those before it are of no use here

struct OptConfig {
  nn::DecoderConfig decoder;
  std::int64_t embedding_size = 0;
  bool norms_before = true;
};

// x = norm(x + f(x)), for attention and network.
struct PostNormLayer : nn::Module {
  nn::Norm self_attn_layer_norm, final_layer_norm;
  nn::Attention self_attn;
  nn::Mlp mlp;
  PostNormLayer(const nn::DecoderConfig& c, const nn::Attention& attention, const nn::Mlp& network)
      : self_attn_layer_norm(add("self_attn_layer_norm", nn::Norm(c.norm, c.hidden_size))),
        final_layer_norm(add("final_layer_norm", nn::Norm(c.norm, c.hidden_size))),
        self_attn(add("self_attn", attention)),
        mlp(add("", network)) {}
  Tensor operator()(Tensor x, const nn::Step& step) const {
    x = self_attn_layer_norm(x + self_attn(x, step));
    return final_layer_norm(x + mlp(x));
  }
};

struct OptDecoder : nn::Module {
  nn::Embedding embed_tokens;
  nn::Parameter positions;
  std::vector<std::function<Tensor(const Tensor&, const nn::Step&)>> layers;
  std::optional<nn::Norm> final_layer_norm;
  std::optional<nn::Linear> project_in, project_out;
  std::int64_t n_positions;

  explicit OptDecoder(const OptConfig& config)
      : embed_tokens(add("embed_tokens", nn::Embedding(config.decoder.vocab_size, config.embedding_size))),
        positions(values("embed_positions.weight",
                         {config.decoder.context_length + kFirstPosition, config.decoder.hidden_size})),
        n_positions(config.decoder.context_length) {
    const nn::DecoderConfig& c = config.decoder;
    nn::Rotaries no_rope;
    for (int i = 0; i < c.n_layers; ++i) {
      const nn::Attention attention(c.attention, no_rope);
      const nn::Mlp mlp(c.hidden_size, c.intermediate_size, c.activation, c.mlp_bias);
      const std::string name = "layers." + std::to_string(i);
      if (config.norms_before) {
        layers.emplace_back(add(name, nn::DecoderLayer(c, attention, mlp, "")));
      } else {
        layers.emplace_back(add(name, PostNormLayer(c, attention, mlp)));
      }
    }
    if (config.norms_before) final_layer_norm = add("final_layer_norm", nn::Norm(c.norm, c.hidden_size));
    if (config.embedding_size == c.hidden_size) return;
    project_in = add("project_in", nn::Linear(config.embedding_size, c.hidden_size, /*bias=*/false));
    project_out = add("project_out", nn::Linear(c.hidden_size, config.embedding_size, /*bias=*/false));
  }

  Tensor run(Tensor x, const nn::Step& step) const {
    if (!x.ok()) return x;
    const Tensor table = slice(positions, 0, kFirstPosition, n_positions);
    if (project_in) x = (*project_in)(x);
    x = x + embedding(reshape(step.positions, {x.shape().dim(0)}), table);
    for (const auto& layer : layers) x = layer(x, step);
    return x;
  }

  Tensor finish(const Tensor& x) const {
    const Tensor y = final_layer_norm ? (*final_layer_norm)(x) : x;
    return project_out ? (*project_out)(y) : y;
  }
};

struct Opt : nn::Module {
  OptDecoder decoder;
  explicit Opt(const OptConfig& config) : decoder(add("model.decoder", OptDecoder(config))) {}
};

Result<OptConfig> opt_config(const ModelSource& source) {
  Json json = source.config;
  for (const auto& [key, own] : {std::pair("intermediate_size", "ffn_dim"), {"hidden_act", "activation_function"}}) {
    if (const Json* value = find(source.config, own)) json[key] = *value;
  }
  const ConfigReader reader(json, source.description());
  OptConfig config;
  GALAGO_TRY(config.decoder, decoder_config(reader, source.sequence_length));
  GALAGO_TRY(config.embedding_size, reader.size("word_embed_proj_dim", config.decoder.hidden_size));
  GALAGO_TRY(config.norms_before, reader.boolean("do_layer_norm_before", true));
  GALAGO_TRY(const bool biases, reader.boolean("enable_bias", true));
  GALAGO_TRY(const bool norm_parameters, reader.boolean("layer_norm_elementwise_affine", true));
  nn::DecoderConfig& decoder = config.decoder;
  decoder.norm = {nn::NormKind::kLayer, 1e-5f, norm_parameters, norm_parameters};
  decoder.norms = {.attention_in = "self_attn_layer_norm", .mlp_in = "final_layer_norm"};
  decoder.mlp_bias = biases;
  nn::set_biases(decoder.attention, biases, biases);
  decoder.attention.rope.reset();
  decoder.attention.output_name = "out_proj";
  return config;
}

Result<std::unique_ptr<Model>> build_opt(const ModelSource& source) {
  GALAGO_TRY(const OptConfig config, opt_config(source));
  const Opt opt(config);
  ModelInfo info = decoder_info("opt", config.decoder);
  info.hidden_size = config.embedding_size;
  const OptDecoder& decoder = opt.decoder;
  const DecoderParts parts{.embed = decoder.embed_tokens,
                           .layers = [decoder](const Tensor& x, const nn::Step& step) { return decoder.run(x, step); },
                           .norm = [decoder](const Tensor& x) { return decoder.finish(x); },
                           .logits = [decoder](const Tensor& x) { return linear(x, decoder.embed_tokens.table()); }};
  return build_decoder(info, opt, parts, *source.weights);
}

}  // namespace

const Architecture& opt_architecture() {
  static const Architecture kOpt{
      .name = "opt", .model_types = {"opt"}, .rules = {{"model.decoder.{*}", {"decoder.{}"}}}, .build = build_opt};
  return kOpt;
}

}  // namespace galago::models
