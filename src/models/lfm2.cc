// LFM2: gated short convolutions, with attention in some layers. The final norm is called embedding_norm.
#include <cmath>

#include "base/error.h"
#include "base/try.h"
#include "models/decoder_model.h"
#include "models/registry.h"
#include "nn/short_convolution.h"

namespace galago::models {
namespace {

struct Lfm2Config {
  nn::DecoderConfig decoder;
  nn::ShortConvolutionConfig convolution;
  std::vector<bool> attends;  // each layer
};

// y = w2(silu(w1(x)) * w3(x))
struct FeedForward : nn::Module {
  nn::Linear w1, w3, w2;
  explicit FeedForward(const nn::DecoderConfig& c)
      : w1(add("w1", nn::Linear(c.hidden_size, c.intermediate_size, /*bias=*/false))),
        w3(add("w3", nn::Linear(c.hidden_size, c.intermediate_size, /*bias=*/false))),
        w2(add("w2", nn::Linear(c.intermediate_size, c.hidden_size, /*bias=*/false))) {}
  Tensor operator()(const Tensor& x) const { return w2(silu(w1(x)) * w3(x)); }
};

struct Lfm2Layer : nn::Module {
  nn::Norm operator_norm, ffn_norm;
  std::optional<nn::Attention> self_attn;
  std::optional<nn::ShortConvolution> conv;
  FeedForward feed_forward;
  Lfm2Layer(const Lfm2Config& config, int index, nn::Rotaries& rotaries)
      : operator_norm(add("operator_norm", nn::Norm(config.decoder.norm, config.decoder.hidden_size))),
        ffn_norm(add("ffn_norm", nn::Norm(config.decoder.norm, config.decoder.hidden_size))),
        feed_forward(add("feed_forward", FeedForward(config.decoder))) {
    if (config.attends[static_cast<std::size_t>(index)]) {
      self_attn = add("self_attn", nn::Attention(config.decoder.attention, rotaries));
    } else {
      conv = add("conv", nn::ShortConvolution(config.convolution));
    }
  }
  Tensor operator()(Tensor x, const nn::Step& step) const {
    const Tensor read = operator_norm(x);
    x = x + (self_attn ? (*self_attn)(read, step) : (*conv)(read));
    return x + feed_forward(ffn_norm(x));
  }
};

// The width of the network: two thirds of what the configuration says, times a factor, rounded up to a multiple.
Result<std::int64_t> network_size(const ConfigReader& reader, std::int64_t given) {
  GALAGO_TRY(const std::int64_t size, reader.size("block_ff_dim", given));
  GALAGO_TRY(const bool adjusts, reader.boolean("block_auto_adjust_ff_dim", true));
  if (!adjusts) return size;
  GALAGO_TRY(const double factor, reader.positive("block_ffn_dim_multiplier", 1.0));
  GALAGO_TRY(const std::int64_t multiple, reader.size("block_multiple_of", 256));
  const auto scaled = std::floor(factor * static_cast<double>(2 * size / 3));
  if (!(scaled >= 1.0 && scaled <= static_cast<double>(kMaxSize))) {
    return error(ErrorCode::kCorrupt,
                 "{}: the network is {} wide by \"block_ff_dim\" and its factors; 1 to {} are expected",
                 reader.source(), scaled, kMaxSize);
  }
  return (static_cast<std::int64_t>(scaled) + multiple - 1) / multiple * multiple;
}

// Layers with attention: those that "layer_types" calls so, or of the older list of their numbers; without either, all.
Result<std::vector<bool>> attending_layers(const ConfigReader& reader, int n_layers) {
  GALAGO_TRY(const std::vector<std::string> types, reader.strings("layer_types"));
  GALAGO_TRY(const std::vector<std::int64_t> indices, reader.integers("full_attn_idxs", 0, n_layers - 1));
  const auto n = static_cast<std::size_t>(n_layers);
  std::vector<bool> attends(n, types.empty() && !reader.has("full_attn_idxs"));
  if (types.empty()) {
    for (const std::int64_t index : indices) attends[static_cast<std::size_t>(index)] = true;
    return attends;
  }
  if (types.size() != n) {
    return error(ErrorCode::kCorrupt, "{}: \"layer_types\" names {} layers; there are {}", reader.source(),
                 types.size(), n);
  }
  for (std::size_t i = 0; i < n; ++i) {
    attends[i] = types[i] == "full_attention";
    if (attends[i] || types[i] == "conv") continue;
    return error(ErrorCode::kUnsupported, "{}: \"layer_types\" holds \"{}\"; \"conv\" and \"full_attention\" are known",
                 reader.source(), types[i]);
  }
  return attends;
}

Result<Lfm2Config> lfm2_config(const ModelSource& source) {
  const Json json = with_defaults(source.config, {{"intermediate_size", 12288},
                                                  {"max_position_embeddings", 128000},
                                                  {"num_key_value_heads", 8},
                                                  {"rope_theta", 1000000.0}});
  const ConfigReader reader(json, source.description());
  Lfm2Config config;
  nn::DecoderConfig& decoder = config.decoder;
  GALAGO_TRY(decoder, decoder_config(reader, source.sequence_length));
  GALAGO_TRY(decoder.intermediate_size, network_size(reader, decoder.intermediate_size));
  GALAGO_TRY(decoder.norm.eps, reader.positive_float("norm_eps", 1e-5));
  GALAGO_TRY(const bool tied, reader.boolean("tie_embedding", true));
  GALAGO_TRY(decoder.tie_word_embeddings, reader.boolean("tie_word_embeddings", tied));
  decoder.attention.qk_norm = nn::HeadNormConfig{.norm = decoder.norm};
  decoder.attention.q_norm_name = "q_layernorm";
  decoder.attention.k_norm_name = "k_layernorm";
  decoder.attention.output_name = "out_proj";
  nn::set_biases(decoder.attention, false, false);
  GALAGO_TRY(const std::int64_t kernel, reader.integer("conv_L_cache", 3, 2, 1 << 10));
  GALAGO_TRY(config.convolution.bias, reader.boolean("conv_bias", false));
  config.convolution.hidden_size = decoder.hidden_size;
  config.convolution.kernel = static_cast<int>(kernel);
  GALAGO_TRY(config.attends, attending_layers(reader, decoder.n_layers));
  return config;
}

Result<std::unique_ptr<Model>> build_lfm2(const ModelSource& source) {
  GALAGO_TRY(const Lfm2Config config, lfm2_config(source));
  const nn::Decoder decoder(config.decoder, [&config, rotaries = nn::Rotaries()](int layer) mutable {
    return Lfm2Layer(config, layer, rotaries);
  });
  return build_decoder("lfm2", config.decoder, nn::CausalLm(config.decoder, decoder), *source.weights);
}

}  // namespace

const Architecture& lfm2_architecture() {
  static const Architecture kLfm2{.name = "lfm2",
                                  .model_types = {"lfm2"},
                                  .rules = {{"model.norm.{*}", {"model.embedding_norm.{}"}}},
                                  .build = build_lfm2};
  return kLfm2;
}

}  // namespace galago::models
