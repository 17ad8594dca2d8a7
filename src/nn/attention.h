// Attention blocks: with a key and value cache for decoders, without one for encoders.
#pragma once

#include "galago/nn.h"
#include "nn/rotary.h"
#include "nn/state.h"
#include "nn/step.h"

namespace galago::nn {

struct AttentionConfig {
  std::int64_t hidden_size = 0;
  int n_heads = 0;
  int n_kv_heads = 0;
  int head_dim = 0;
  bool qkv_bias = false;
  bool output_bias = false;
  bool qk_norm = false;  // RMS norm over head_dim of queries and keys, before rope
  float norm_eps = 1e-6f;
  int window = 0;      // tokens a query looks back on; 0: all
  float scale = 0.0f;  // 0: 1 / sqrt(head_dim)
};

// Causal self-attention over a layer's paged keys and values: q_proj, k_proj, v_proj, o_proj, q_norm, k_norm.
class Attention : public Module {
 public:
  Attention(const AttentionConfig& config, Rotary rotary);
  // x, y: (tokens, hidden_size)
  Tensor operator()(const Tensor& x, const Step& step) const;

 private:
  AttentionConfig config_;
  Rotary rotary_;
  Linear q_proj_, k_proj_, v_proj_, o_proj_;
  std::optional<RmsNorm> q_norm_, k_norm_;
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
