// Attention blocks: with a key and value cache for decoders, without one for encoders.
#pragma once

#include <optional>
#include <string>

#include "galago/nn.h"
#include "nn/norm.h"
#include "nn/rotary.h"
#include "nn/state.h"
#include "nn/step.h"

namespace galago::nn {

// Queries grow with their position p: by 1 + scale * log(1 + floor((p + shift) / floor)).
//   Llama 4: shift 1, floor and scale from floor_scale and attn_scale; Ministral 3: shift 0
struct PositionTemperature {
  double scale = 0.0;
  double floor = 1.0;
  int shift = 0;
  std::int64_t context = 0;  // positions before it have their factor; as many floats are kept
};

struct AttentionConfig {
  std::int64_t hidden_size = 0;
  int n_heads = 0;
  int n_kv_heads = 0;
  int head_dim = 0;
  bool q_bias = false, k_bias = false, v_bias = false, o_bias = false;
  bool has_v_proj = true;                   // false: values are what k_proj gives, before norm and rope (Gemma 4)
  std::optional<RopeConfig> rope{};         // nothing: positions do not turn queries and keys
  std::optional<HeadNormConfig> qk_norm{};  // of queries and keys, before rope
  bool norms_turned = false;                // ... after rope instead (Hunyuan)
  std::optional<NormConfig> v_norm{};       // of values, over head_dim
  int window = 0;                           // tokens a query looks back on, its own the last; 0: all
  float scale = 0.0f;                       // 0: 1 / sqrt(head_dim)
  float soft_cap = 0.0f;                    // scores become soft_cap * tanh(score / soft_cap); 0: none
  bool sinks = false;                       // a learned logit of each head, without a value: "sinks"
  std::optional<PositionTemperature> temperature{};
  std::string output_name = "o_proj";  // "out_proj", "dense"
  std::string q_norm_name = "q_norm", k_norm_name = "k_norm";
};

void set_biases(AttentionConfig& config, bool qkv, bool output);

// Causal self-attention over a layer's paged keys and values: q_proj, k_proj, v_proj, o_proj, q_norm, k_norm, v_norm,
// sinks. Where the step has rows "spans", a row also sees the keys before its span's end (pictures in Gemma 3).
class Attention : public Module {
 public:
  Attention(const AttentionConfig& config, Rotaries& rotaries);
  // Reads the keys and values of another layer, and has none: no k_proj, v_proj, k_norm.
  Attention(const AttentionConfig& config, Rotaries& rotaries, const Attention& shared);
  // x, y: (tokens, hidden_size)
  Tensor operator()(const Tensor& x, const Step& step) const;

 private:
  Attention(const AttentionConfig& config, Rotaries& rotaries, const State* shared);
  Tensor tempered(const Tensor& q, const Step& step) const;

  AttentionConfig config_;
  std::optional<Rotary> rotary_;
  Linear q_proj_;
  std::optional<Linear> k_proj_, v_proj_;
  Linear o_proj_;
  std::optional<HeadNorm> q_norm_, k_norm_;
  std::optional<Norm> v_norm_;
  Parameter sinks_;
  Tensor temperatures_;  // (context, 1)
  State state_;
};

// Self-attention among the rows of one call: q_proj, k_proj, v_proj, out_proj, all with biases.
class EncoderAttention : public Module {
 public:
  EncoderAttention(std::int64_t hidden_size, int n_heads, bool causal);
  // `key_segment` may be an empty Tensor: every row sees every other (before it, when causal).
  Tensor operator()(const Tensor& x, const Tensor& query_segment = {}, const Tensor& key_segment = {}) const;

 private:
  std::int64_t hidden_size_;
  int n_heads_;
  bool causal_;
  Linear q_proj_, k_proj_, v_proj_, out_proj_;
};

}  // namespace galago::nn
