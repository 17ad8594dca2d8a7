// The decoder that most language models are: normed causal attention and a network with residuals, repeated. Models
// that differ by a field of DecoderConfig share it; a model that differs by more brings a layer of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "galago/nn.h"
#include "nn/attention.h"
#include "nn/mlp.h"
#include "nn/norm.h"
#include "nn/rotary.h"
#include "nn/step.h"

namespace galago::nn {

// The norms of a layer by their names in checkpoints; an empty name: there is none.
struct LayerNorms {
  std::string attention_in = "input_layernorm";
  std::string attention_out;  // of what attention gives, before it is added (Gemma 2 and 3, OLMo 2, GLM 4)
  std::string mlp_in = "post_attention_layernorm";
  std::string mlp_out;
};

struct DecoderConfig {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  int n_layers = 0;
  AttentionConfig attention;
  std::vector<AttentionConfig> layer_attention;  // of each layer, where layers differ; empty: `attention` everywhere
  std::vector<std::int64_t> layer_intermediate_size;  // likewise
  NormConfig norm;                                    // of layers and the final one
  LayerNorms norms;
  // x + attention(norm(x)) + mlp(norm(x)); without a mlp_in both read the same norm
  bool parallel_residual = false;
  float residual_scale = 1.0f;  // of what attention and network add
  Activation activation = Activation::kSilu;
  bool mlp_bias = false;
  bool tie_word_embeddings = false;
  bool head_bias = false;
  float embedding_scale = 1.0f;
  float logit_scale = 1.0f;
  float logit_soft_cap = 0.0f;      // logits become cap * tanh(logits / cap), after the scale; 0: none
  std::int64_t context_length = 0;  // max_position_embeddings

  const AttentionConfig& attention_of(int layer) const;
  std::int64_t intermediate_size_of(int layer) const;
};

// Gives the layers windows of their own (0: none), keeping what else is in config.attention or layer_attention.
void set_windows(DecoderConfig& config, const std::vector<int>& windows);

// input_layernorm, post_attention_layernorm, self_attn, mlp
class DecoderLayer : public Module {
 public:
  // The layer that config describes, with a GatedMlp.
  DecoderLayer(const DecoderConfig& config, int index, Rotaries& rotaries);
  // With a network of the model's own: a plain Mlp, a mixture. y = network(x), both (tokens, hidden_size)
  template <std::derived_from<Module> Network>
  DecoderLayer(const DecoderConfig& config, const Attention& attention, Network network,
               const std::string& network_name = "mlp")
      : DecoderLayer(config, attention) {
    network_ = [child = add(network_name, std::move(network))](const Tensor& x) { return child(x); };
  }
  Tensor operator()(Tensor x, const Step& step) const;

 private:
  DecoderLayer(const DecoderConfig& config, const Attention& attention);
  std::optional<Norm> norm_named(const std::string& name, const DecoderConfig& config);

  bool parallel_residual_;
  float residual_scale_;
  std::optional<Norm> attention_in_, attention_out_, mlp_in_, mlp_out_;
  Attention self_attn_;
  std::function<Tensor(const Tensor&)> network_;
};

// Embeddings, layers and the final norm; "model" in checkpoints.
class Decoder : public Module {
 public:
  explicit Decoder(const DecoderConfig& config);
  // With layers of the model's own: make_layer(i) gives the module of layer i, which is called with (x, step).
  template <class MakeLayer>
  Decoder(const DecoderConfig& config, MakeLayer make_layer)
      : Module(),
        embedding_scale_(config.embedding_scale),
        embed_tokens_(add("embed_tokens", Embedding(config.vocab_size, config.hidden_size))),
        layers_(add_layers(config.n_layers, make_layer)),
        norm_(add("norm", Norm(config.norm, config.hidden_size))) {}
  // ids: i32 (tokens)   y: (tokens, hidden_size)
  Tensor embed(const Tensor& ids) const;
  // x: (tokens, hidden_size), embeddings   y: the same, before the final norm
  Tensor operator()(Tensor x, const Step& step) const;
  Tensor norm(const Tensor& x) const { return norm_(x); }
  const Parameter& embedding_weight() const { return embed_tokens_.table(); }

 private:
  using Layer = std::function<Tensor(const Tensor& x, const Step& step)>;

  template <class MakeLayer>
  std::vector<Layer> add_layers(int n_layers, MakeLayer& make_layer) {
    std::vector<Layer> layers;
    for (int i = 0; i < n_layers; ++i) {
      layers.push_back([layer = add("layers." + std::to_string(i), make_layer(i))](const Tensor& x, const Step& step) {
        return layer(x, step);
      });
    }
    return layers;
  }

  float embedding_scale_;
  Embedding embed_tokens_;
  std::vector<Layer> layers_;
  Norm norm_;
};

// A decoder and its output head: "model" and "lm_head".
class CausalLm : public Module {
 public:
  explicit CausalLm(const DecoderConfig& config) : CausalLm(config, Decoder(config)) {}
  // With a decoder of its own layers.
  CausalLm(const DecoderConfig& config, const Decoder& decoder);
  const Decoder& decoder() const { return model_; }
  // x: (rows, hidden_size), after the final norm   y: (rows, vocab_size)
  Tensor logits(const Tensor& x) const;

 private:
  Decoder model_;
  Linear lm_head_;
  float logit_scale_, logit_soft_cap_;
};

}  // namespace galago::nn
