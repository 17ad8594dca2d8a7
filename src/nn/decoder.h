// The decoder that most language models are: RMS-normed causal attention and a gated MLP with residuals, repeated.
// Models that differ by a field of DecoderConfig share it; a model that differs by more brings a layer of its own.
#pragma once

#include <string>
#include <vector>

#include "galago/nn.h"
#include "nn/attention.h"
#include "nn/rotary.h"
#include "nn/step.h"

namespace galago::nn {

struct DecoderConfig {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  int n_layers = 0;
  AttentionConfig attention;
  std::vector<int> windows;  // of each layer; empty: attention.window everywhere
  float norm_eps = 1e-6f;
  std::string hidden_act = "silu";
  bool mlp_bias = false;
  bool tie_word_embeddings = false;
  RopeConfig rope;
  std::int64_t context_length = 0;  // max_position_embeddings
};

// y = down(act(gate(x)) * up(x))
class GatedMlp : public Module {
 public:
  GatedMlp(std::int64_t hidden_size, std::int64_t intermediate_size, std::string hidden_act, bool bias);
  Tensor operator()(const Tensor& x) const;

 private:
  Linear gate_proj_, up_proj_, down_proj_;
  std::string hidden_act_;
};

class DecoderLayer : public Module {
 public:
  DecoderLayer(const DecoderConfig& config, int index, const Rotary& rotary);
  Tensor operator()(Tensor x, const Step& step) const;

 private:
  RmsNorm input_layernorm_, post_attention_layernorm_;
  Attention self_attn_;
  GatedMlp mlp_;
};

// Embeddings, layers and the final norm; "model" in checkpoints.
class Decoder : public Module {
 public:
  explicit Decoder(const DecoderConfig& config);
  // ids: i32 (tokens)   y: (tokens, hidden_size)
  Tensor embed(const Tensor& ids) const { return embed_tokens_(ids); }
  // x: (tokens, hidden_size), embeddings   y: the same, before the final norm
  Tensor operator()(Tensor x, const Step& step) const;
  Tensor norm(const Tensor& x) const { return norm_(x); }
  const Parameter& embedding_weight() const { return embed_tokens_.table(); }

 private:
  Embedding embed_tokens_;
  std::vector<DecoderLayer> layers_;
  RmsNorm norm_;
};

// A decoder and its output head: "model" and "lm_head".
class CausalLm : public Module {
 public:
  explicit CausalLm(const DecoderConfig& config);
  const Decoder& decoder() const { return model_; }
  // x: (rows, hidden_size), after the final norm   y: (rows, vocab_size)
  Tensor logits(const Tensor& x) const { return lm_head_(x); }

 private:
  Decoder model_;
  Linear lm_head_;
};

}  // namespace galago::nn
