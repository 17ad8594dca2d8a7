#include "nn/decoder.h"

#include "nn/tap.h"

namespace galago::nn {
namespace {

Tensor scaled(const Tensor& x, float factor) { return factor == 1.0f ? x : scale(x, factor); }

}  // namespace

const AttentionConfig& DecoderConfig::attention_of(int layer) const {
  return layer_attention.empty() ? attention : layer_attention[static_cast<std::size_t>(layer)];
}

std::int64_t DecoderConfig::intermediate_size_of(int layer) const {
  return layer_intermediate_size.empty() ? intermediate_size : layer_intermediate_size[static_cast<std::size_t>(layer)];
}

void set_windows(DecoderConfig& config, const std::vector<int>& windows) {
  std::vector<AttentionConfig> layers;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    layers.push_back(config.attention_of(static_cast<int>(i)));
    layers.back().window = windows[i];
  }
  config.layer_attention = std::move(layers);
}

DecoderLayer::DecoderLayer(const DecoderConfig& config, const Attention& attention)
    : parallel_residual_(config.parallel_residual),
      residual_scale_(config.residual_scale),
      attention_in_(norm_named(config.norms.attention_in, config)),
      attention_out_(norm_named(config.norms.attention_out, config)),
      mlp_in_(norm_named(config.norms.mlp_in, config)),
      mlp_out_(norm_named(config.norms.mlp_out, config)),
      self_attn_(add("self_attn", attention)) {}

DecoderLayer::DecoderLayer(const DecoderConfig& config, int index, Rotaries& rotaries)
    : DecoderLayer(
          config, Attention(config.attention_of(index), rotaries),
          GatedMlp(config.hidden_size, config.intermediate_size_of(index), config.activation, config.mlp_bias)) {}

std::optional<Norm> DecoderLayer::norm_named(const std::string& name, const DecoderConfig& config) {
  if (name.empty()) return std::nullopt;
  return add(name, Norm(config.norm, config.hidden_size));
}

Tensor DecoderLayer::operator()(Tensor x, const Step& step) const {
  const auto normed = [](const std::optional<Norm>& norm, const Tensor& y) { return norm ? (*norm)(y) : y; };
  const Tensor read = normed(attention_in_, x);
  const Tensor attended = scaled(normed(attention_out_, self_attn_(read, step)), residual_scale_);
  if (parallel_residual_) {
    const Tensor computed = network_(mlp_in_ ? (*mlp_in_)(x) : read);
    return x + attended + scaled(normed(mlp_out_, computed), residual_scale_);
  }
  x = x + attended;
  return x + scaled(normed(mlp_out_, network_(normed(mlp_in_, x))), residual_scale_);
}

Decoder::Decoder(const DecoderConfig& config)
    : Decoder(config,
              [&config, rotaries = Rotaries()](int layer) mutable { return DecoderLayer(config, layer, rotaries); }) {}

Tensor Decoder::embed(const Tensor& ids) const { return scaled(embed_tokens_(ids), embedding_scale_); }

Tensor Decoder::operator()(Tensor x, const Step& step) const {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    x = layers_[i](x, step);
    if (i == 0) x = tap("decoder_layer_0", x);
  }
  return x;
}

CausalLm::CausalLm(const DecoderConfig& config, const Decoder& decoder)
    : model_(add("model", decoder)),
      lm_head_(add("lm_head", Linear(config.hidden_size, config.vocab_size, config.head_bias))),
      logit_scale_(config.logit_scale),
      logit_soft_cap_(config.logit_soft_cap) {
  if (config.tie_word_embeddings) lm_head_.tie(model_.embedding_weight());
}

Tensor CausalLm::logits(const Tensor& x) const {
  const Tensor logits = scaled(lm_head_(x), logit_scale_);
  if (logit_soft_cap_ == 0.0f) return logits;
  return scale(tanh(scale(logits, 1.0f / logit_soft_cap_)), logit_soft_cap_);
}

}  // namespace galago::nn
