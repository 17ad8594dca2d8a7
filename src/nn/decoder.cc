#include "nn/decoder.h"

#include "nn/tap.h"

namespace galago::nn {
namespace {

AttentionConfig attention_of(const DecoderConfig& config, int layer) {
  AttentionConfig attention = config.attention;
  if (!config.windows.empty()) attention.window = config.windows[static_cast<std::size_t>(layer)];
  return attention;
}

std::vector<DecoderLayer> make_layers(const DecoderConfig& config) {
  const Rotary rotary(config.rope);
  std::vector<DecoderLayer> layers;
  for (int i = 0; i < config.n_layers; ++i) layers.emplace_back(config, i, rotary);
  return layers;
}

}  // namespace

GatedMlp::GatedMlp(std::int64_t hidden_size, std::int64_t intermediate_size, std::string hidden_act, bool bias)
    : gate_proj_(add("gate_proj", Linear(hidden_size, intermediate_size, bias))),
      up_proj_(add("up_proj", Linear(hidden_size, intermediate_size, bias))),
      down_proj_(add("down_proj", Linear(intermediate_size, hidden_size, bias))),
      hidden_act_(std::move(hidden_act)) {}

Tensor GatedMlp::operator()(const Tensor& x) const {
  const Tensor gate = activation(hidden_act_, gate_proj_(x));
  return down_proj_(gate * up_proj_(x));
}

DecoderLayer::DecoderLayer(const DecoderConfig& config, int index, const Rotary& rotary)
    : input_layernorm_(add("input_layernorm", RmsNorm(config.hidden_size, config.norm_eps))),
      post_attention_layernorm_(add("post_attention_layernorm", RmsNorm(config.hidden_size, config.norm_eps))),
      self_attn_(add("self_attn", Attention(attention_of(config, index), rotary))),
      mlp_(add("mlp", GatedMlp(config.hidden_size, config.intermediate_size, config.hidden_act, config.mlp_bias))) {}

Tensor DecoderLayer::operator()(Tensor x, const Step& step) const {
  x = x + self_attn_(input_layernorm_(x), step);
  return x + mlp_(post_attention_layernorm_(x));
}

Decoder::Decoder(const DecoderConfig& config)
    : embed_tokens_(add("embed_tokens", Embedding(config.vocab_size, config.hidden_size))),
      layers_(add_list("layers", make_layers(config))),
      norm_(add("norm", RmsNorm(config.hidden_size, config.norm_eps))) {}

Tensor Decoder::operator()(Tensor x, const Step& step) const {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    x = layers_[i](x, step);
    if (i == 0) x = tap("decoder_layer_0", x);
  }
  return x;
}

CausalLm::CausalLm(const DecoderConfig& config)
    : model_(add("model", Decoder(config))),
      lm_head_(add("lm_head", Linear(config.hidden_size, config.vocab_size, /*bias=*/false))) {
  if (config.tie_word_embeddings) lm_head_.tie(model_.embedding_weight());
}

}  // namespace galago::nn
