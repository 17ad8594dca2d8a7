#include "nn/attention.h"

#include <cmath>

#include "ops/executor.h"

namespace galago::nn {
namespace {

std::int64_t width(int heads, int head_dim) { return std::int64_t{heads} * head_dim; }

}  // namespace

Attention::Attention(const AttentionConfig& config, Rotary rotary)
    : config_(config),
      rotary_(std::move(rotary)),
      q_proj_(add("q_proj", Linear(config.hidden_size, width(config.n_heads, config.head_dim), config.qkv_bias))),
      k_proj_(add("k_proj", Linear(config.hidden_size, width(config.n_kv_heads, config.head_dim), config.qkv_bias))),
      v_proj_(add("v_proj", Linear(config.hidden_size, width(config.n_kv_heads, config.head_dim), config.qkv_bias))),
      o_proj_(add("o_proj", Linear(width(config.n_heads, config.head_dim), config.hidden_size, config.output_bias))),
      state_(ops::Paged{config.n_kv_heads, config.head_dim, config.head_dim, config.window}) {
  if (config.qk_norm) {
    q_norm_ = add("q_norm", RmsNorm(config.head_dim, config.norm_eps));
    k_norm_ = add("k_norm", RmsNorm(config.head_dim, config.norm_eps));
  }
  if (config_.scale == 0.0f) config_.scale = 1.0f / std::sqrt(static_cast<float>(config.head_dim));
  node()->states.push_back(state_.slot());
}

Tensor Attention::operator()(const Tensor& x, const Step& step) const {
  if (!x.ok()) return x;
  const Dim tokens = x.shape().dim(0);
  Tensor q = q_proj_(x);
  Tensor k = k_proj_(x);
  Tensor v = v_proj_(x);
  q = reshape(q, {tokens, config_.n_heads, config_.head_dim});
  k = reshape(k, {tokens, config_.n_kv_heads, config_.head_dim});
  v = reshape(v, {tokens, config_.n_kv_heads, config_.head_dim});
  if (config_.qk_norm) {
    q = (*q_norm_)(q);
    k = (*k_norm_)(k);
  }
  q = rotary_(q, step);
  k = rotary_(k, step);
  if (Status appended = ops::kv_append(k, v, state_.number(), nullptr); !appended.ok()) {
    return Tensor::failed(std::move(appended).error());
  }
  const ops::PagedAttention op{.state = state_.number(),
                               .kv_heads = config_.n_kv_heads,
                               .v_dim = config_.head_dim,
                               .scale = config_.scale,
                               .window = config_.window};
  const Tensor y = ops::apply_one(op, {q});
  return o_proj_(reshape(y, {tokens, width(config_.n_heads, config_.head_dim)}));
}

EncoderAttention::EncoderAttention(std::int64_t hidden_size, int n_heads, bool causal)
    : hidden_size_(hidden_size),
      n_heads_(n_heads),
      causal_(causal),
      q_proj_(add("q_proj", Linear(hidden_size, hidden_size))),
      k_proj_(add("k_proj", Linear(hidden_size, hidden_size))),
      v_proj_(add("v_proj", Linear(hidden_size, hidden_size))),
      out_proj_(add("out_proj", Linear(hidden_size, hidden_size))) {}

Tensor EncoderAttention::operator()(const Tensor& x, const Tensor& query_segment, const Tensor& key_segment) const {
  if (!x.ok()) return x;
  const Dim rows = x.shape().dim(0);
  const std::int64_t head_dim = hidden_size_ / n_heads_;
  const Shape heads = {rows, n_heads_, head_dim};
  const Tensor q = reshape(q_proj_(x), heads);
  const Tensor k = reshape(k_proj_(x), heads);
  const Tensor v = reshape(v_proj_(x), heads);
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  const Tensor y = dense_attention(q, k, v, scale, causal_, query_segment, key_segment);
  return out_proj_(reshape(y, {rows, hidden_size_}));
}

}  // namespace galago::nn
