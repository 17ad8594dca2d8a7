// Attention of a decoder's tokens to all rows that an encoder left in a Static state.
#pragma once

#include "galago/nn.h"
#include "nn/state.h"

namespace galago::nn {

struct CrossAttentionConfig {
  std::int64_t hidden_size = 0;
  std::int64_t encoder_size = 0;  // of the encoder's rows; 0: hidden_size
  int n_heads = 0;
  int n_kv_heads = 0;
  int head_dim = 0;
  bool qkv_bias = true;
  bool key_bias = true;  // Whisper's keys have none
  bool output_bias = true;
  float scale = 0.0f;           // 0: 1 / sqrt(head_dim)
  std::int64_t max_tokens = 0;  // rows of the encoder that a sequence may have
};

// q_proj, k_proj, v_proj, out_proj. Keys and values are computed once for a sequence, by an entry of their own
// ("cross_kv"), whose rows are the encoder's.
class CrossAttention : public Module {
 public:
  explicit CrossAttention(const CrossAttentionConfig& config);
  // Of the entry that writes: appends the keys and values of the encoder's rows (tokens, encoder_size) to the state.
  Status append(const Tensor& rows) const;
  // x, y: (tokens, hidden_size)
  Tensor operator()(const Tensor& x) const;

 private:
  CrossAttentionConfig config_;
  Linear q_proj_, k_proj_, v_proj_, out_proj_;
  State state_;
};

}  // namespace galago::nn
